import { boxCandidates, clipBoxes, type Size } from "../boxes.js";
import { keepLabels } from "../labels.js";
import { flatten, type Patchwork } from "../patchwork.js";
import type { Labels, Picture } from "../sample.js";
import { resampleSegment, segmentToBox } from "../segments.js";
import { type Matrix, warp } from "../warp.js";
import type { AugmentContext, AugmentHyp, Sample } from "./sample.js";

/** What one random perspective draws, in this order. */
export interface PerspectiveDraws {
  readonly perspectiveX: number;
  readonly perspectiveY: number;
  /** Degrees, counter-clockwise. */
  readonly angle: number;
  readonly scale: number;
  /** Degrees. */
  readonly shearX: number;
  readonly shearY: number;
  /** Where the picture's centre goes, in fractions of the output's width and height. */
  readonly translateX: number;
  readonly translateY: number;
}

/** Pixels added to (or with a minus taken from) each of two sides: left and right `x`, top and bottom `y`. */
export interface Border {
  readonly x: number;
  readonly y: number;
}

/** The sample turned, scaled, sheared, shifted and tilted; objects that lose too much of themselves are dropped. */
export function randomPerspective(
  sample: Sample<Picture | Patchwork>,
  { hyp, rng, border }: AugmentContext & { border?: Border },
): Sample {
  return applyPerspective(sample, drawPerspective(hyp, rng), { border });
}

/** The draws of one random perspective within the gains of `hyp` (degrees, translate, scale, shear, perspective). */
export function drawPerspective(
  { perspective = 0, degrees = 0, scale = 0, shear = 0, translate = 0 }: AugmentHyp,
  rng: AugmentContext["rng"],
): PerspectiveDraws {
  const around = (centre: number, gain: number) => rng.uniform(centre - gain, centre + gain);
  return {
    perspectiveX: around(0, perspective),
    perspectiveY: around(0, perspective),
    angle: around(0, degrees),
    scale: around(1, scale),
    shearX: around(0, shear),
    shearY: around(0, shear),
    translateX: around(0.5, translate),
    translateY: around(0.5, translate),
  };
}

/** The same with the draws given. */
export function applyPerspective(
  { picture, labels }: Sample<Picture | Patchwork>,
  draws: PerspectiveDraws,
  { border = { x: 0, y: 0 } }: { border?: Border } = {},
): Sample {
  const size = { width: picture.width + 2 * border.x, height: picture.height + 2 * border.y };
  const matrix = perspectiveMatrix(picture, size, draws);
  const still = border.x === 0 && border.y === 0 && matrix.every((entry, i) => entry === identity[i]);
  return {
    picture: still ? flat(picture) : warp(picture, matrix, size),
    labels: moveThrough(labels, matrix, { size, scale: draws.scale }),
  };
}

/** Translation * shear * rotation and scale * perspective * (centre to origin): from points of `from` to points of `to`. */
export function perspectiveMatrix(from: Size, to: Size, draws: PerspectiveDraws): Matrix {
  const [cos, sin] = [Math.cos(radians(draws.angle)) * draws.scale, Math.sin(radians(draws.angle)) * draws.scale];
  const centre = [1, 0, -from.width / 2, 0, 1, -from.height / 2, 0, 0, 1];
  const tilt = [1, 0, 0, 0, 1, 0, draws.perspectiveX, draws.perspectiveY, 1];
  const turn = [cos, sin, 0, -sin, cos, 0, 0, 0, 1];
  const shear = [1, Math.tan(radians(draws.shearX)), 0, Math.tan(radians(draws.shearY)), 1, 0, 0, 0, 1];
  const shift = [1, 0, draws.translateX * to.width, 0, 1, draws.translateY * to.height, 0, 0, 1];
  return [shift, shear, turn, tilt, centre].reduce(times);
}

const flat = (picture: Picture | Patchwork) => ("patches" in picture ? flatten(picture) : picture);

const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1];

const radians = (degrees: number) => (degrees * Math.PI) / 180;

function times(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, k) => {
    const [row, column] = [k - (k % 3), k % 3];
    return a[row] * b[column] + a[row + 1] * b[column + 3] + a[row + 2] * b[column + 6];
  });
}

// A polygon gives a tighter box than four corners do, so less of the area needs to be left.
function moveThrough(labels: Labels, matrix: Matrix, { size, scale }: { size: Size; scale: number }): Labels {
  const segments = labels.segments?.map((segment) =>
    segment?.length ? movePoints(resampleSegment(segment), matrix) : undefined,
  );
  const corners = moveCorners(labels.boxes, matrix);
  segments?.forEach((segment, i) => {
    if (segment) corners.set(segmentToBox(segment, size), 4 * i);
  });
  const boxes = clipBoxes(corners, size);
  const minArea = Float64Array.from(labels.classes, (_, i) => (segments?.[i] ? 0.01 : 0.1));
  const keep = boxCandidates(
    labels.boxes.map((x) => x * scale),
    boxes,
    { minArea },
  );
  return keepLabels({ classes: labels.classes, boxes, segments }, keep);
}

function moveCorners(boxes: Float32Array, matrix: Matrix): Float32Array {
  const out = new Float32Array(boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const [x1, y1, x2, y2] = boxes.subarray(i, i + 4);
    const points = [
      movePoint(matrix, x1, y1),
      movePoint(matrix, x2, y2),
      movePoint(matrix, x1, y2),
      movePoint(matrix, x2, y1),
    ];
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    out.set([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], i);
  }
  return out;
}

function movePoints(points: Float32Array, matrix: Matrix): Float32Array {
  const out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 2) out.set(movePoint(matrix, points[i], points[i + 1]), i);
  return out;
}

function movePoint([a, b, c, d, e, f, g, h, i]: Matrix, x: number, y: number): [number, number] {
  const w = g * x + h * y + i;
  return [(a * x + b * y + c) / w, (d * x + e * y + f) / w];
}
