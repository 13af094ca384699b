import { UserError } from "../../../errors/index.js";
import { boxOverlaps, type CocoBox } from "./boxes.js";
import { polygonRuns } from "./polygon.js";
import { runsArea, runsBox, runsIntersection, runsOf, runsUnion } from "./rle.js";
import type { CocoSegmentation } from "./types.js";

/** A mask ready to be compared. */
export interface CocoMask {
  readonly runs: readonly number[];
  readonly area: number;
  readonly box: CocoBox;
  readonly size: readonly [height: number, width: number];
}

/** The picture that a segmentation belongs to; polygons need its size. */
export interface CocoPicture {
  readonly id: number | string;
  readonly width?: number;
  readonly height?: number;
}

/** A mask from polygons or run lengths, or from a box where there are none. */
export function maskOf(
  { segmentation, bbox }: { readonly segmentation?: CocoSegmentation; readonly bbox?: readonly number[] },
  picture: CocoPicture,
): CocoMask {
  const shape = segmentation ?? (bbox?.length === 4 ? [boxPolygon(bbox)] : undefined);
  if (shape === undefined) throw new UserError(`an object of picture ${picture.id} has neither segmentation nor bbox`);
  if ("counts" in shape) return measured(runsOf(shape), shape.size);
  const { width, height } = picture;
  if (!width || !height) throw new UserError(`picture ${picture.id} needs width and height for its polygons`);
  // A polygon of four numbers is a box.
  const polygons = shape[0]?.length === 4 ? shape.map(boxPolygon) : shape;
  const runs = polygons.map((polygon) => polygonRuns(polygon, { width, height }));
  return measured(runs.length === 0 ? [height * width] : runs.reduce(runsUnion), [height, width]);
}

const boxPolygon = ([x, y, w, h]: readonly number[]) => [x, y, x, y + h, x + w, y + h, x + w, y];

const measured = (runs: readonly number[], size: readonly [number, number]): CocoMask => ({
  runs,
  area: runsArea(runs),
  box: runsBox(runs, size[0]),
  size,
});

/**
 * Intersection over union [found, truth]; over the found mask's own area where the truth is a crowd; -1 where the sizes
 * of overlapping masks differ.
 */
export function maskOverlaps(
  found: readonly CocoMask[],
  truth: readonly CocoMask[],
  crowds: readonly boolean[],
): number[] {
  const boxes = (masks: readonly CocoMask[]) => masks.map(({ box }) => box);
  const overlaps = boxOverlaps(boxes(found), boxes(truth), crowds);
  return overlaps.map((near, i) => {
    if (near === 0) return 0;
    const g = i % truth.length;
    const [a, b] = [found[(i - g) / truth.length], truth[g]];
    if (a.size[0] !== b.size[0] || a.size[1] !== b.size[1]) return -1;
    const both = runsIntersection(a.runs, b.runs);
    return both === 0 ? 0 : both / (crowds[g] ? a.area : a.area + b.area - both);
  });
}
