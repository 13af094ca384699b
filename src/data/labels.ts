import { cxcywhnToXyxy, type Size, xyxyToCxcywhn } from "./boxes.js";
import type { Labels } from "./sample.js";

/** The labels of a label file (fractions of `size`) in pixels, boxes as corners, all moved by the padding. */
export function labelsToPixels(
  labels: Labels,
  size: Size,
  { padX = 0, padY = 0 }: { padX?: number; padY?: number } = {},
): Labels {
  return {
    classes: labels.classes,
    boxes: cxcywhnToXyxy(labels.boxes, size, { padX, padY }),
    segments: mapSegments(labels, (x, y) => [size.width * x + padX, size.height * y + padY]),
  };
}

/** Labels in pixels (boxes as corners) as fractions of `size` (boxes as centre and size). */
export function labelsToFractions(labels: Labels, size: Size): Labels {
  return {
    classes: labels.classes,
    boxes: xyxyToCxcywhn(labels.boxes, size),
    segments: mapSegments(labels, (x, y) => [x / size.width, y / size.height]),
  };
}

/** Labels whose boxes (corners, pixels) and segments are taken through one map of points that keeps axes apart. */
export function moveLabels(labels: Labels, move: (x: number, y: number) => readonly [number, number]): Labels {
  const boxes = new Float32Array(labels.boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const [x1, y1] = move(labels.boxes[i], labels.boxes[i + 1]);
    const [x2, y2] = move(labels.boxes[i + 2], labels.boxes[i + 3]);
    boxes.set([Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)], i);
  }
  return { classes: labels.classes, boxes, segments: mapSegments(labels, move) };
}

/** All objects of several labels, one after another; a slot for every polygon where any has polygons. */
export function joinLabels(parts: readonly Labels[]): Labels {
  const count = parts.reduce((sum, { classes }) => sum + classes.length, 0);
  const classes = new Int32Array(count);
  const boxes = new Float32Array(count * 4);
  let at = 0;
  for (const part of parts) {
    classes.set(part.classes, at);
    boxes.set(part.boxes, at * 4);
    at += part.classes.length;
  }
  const segments = parts.some((part) => part.segments)
    ? parts.flatMap((part) => part.segments ?? new Array<undefined>(part.classes.length).fill(undefined))
    : undefined;
  return { classes, boxes, segments };
}

/** The objects whose entry in `keep` is not 0. */
export function keepLabels(labels: Labels, keep: ArrayLike<number>): Labels {
  const kept = Array.from(labels.classes.keys()).filter((i) => keep[i]);
  return {
    classes: Int32Array.from(kept, (i) => labels.classes[i]),
    boxes: Float32Array.from(kept.flatMap((i) => Array.from(labels.boxes.subarray(4 * i, 4 * i + 4)))),
    segments: labels.segments && kept.map((i) => labels.segments?.[i]),
  };
}

/** The segments, in their slots, with every point taken through `map`; undefined where there are none. */
export function mapSegments(
  { segments }: Labels,
  map: (x: number, y: number) => readonly [number, number],
): Labels["segments"] {
  return segments?.map((segment) => {
    if (!segment) return undefined;
    const out = new Float32Array(segment.length);
    for (let i = 0; i < segment.length; i += 2) out.set(map(segment[i], segment[i + 1]), i);
    return out;
  });
}
