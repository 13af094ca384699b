import { clipBoxes } from "../boxes.js";
import { joinLabels, mapSegments, moveLabels } from "../labels.js";
import { flatten, type Patchwork } from "../patchwork.js";
import type { Rng } from "../rng.js";
import type { Labels, Picture } from "../sample.js";
import type { Sample } from "./sample.js";

/** A point of a canvas, in whole pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Four samples around a point of a canvas of 2 `imgsz` a side: top left, top right, bottom left, bottom right. */
export function mosaic(
  tiles: readonly Sample[],
  { imgsz, rng, centre = mosaicCentre(imgsz, rng) }: { imgsz: number; rng: Rng; centre?: Point },
): Sample<Patchwork> {
  const corners = tiles.map(({ picture: { width, height } }, i) => ({
    x: i % 2 === 0 ? centre.x - width : centre.x,
    y: i < 2 ? centre.y - height : centre.y,
  }));
  return lay(tiles, corners, 2 * imgsz);
}

/** The point where a mosaic's four pictures meet: y first, each the integer part of a draw from [imgsz/2, 3 imgsz/2). */
export function mosaicCentre(imgsz: number, rng: Rng): Point {
  const y = Math.floor(rng.uniform(imgsz / 2, (3 * imgsz) / 2));
  const x = Math.floor(rng.uniform(imgsz / 2, (3 * imgsz) / 2));
  return { x, y };
}

/** Nine samples, the first in the middle and the others clockwise around it from the top; a crop of 2 `imgsz` a side. */
export function mosaic9(
  tiles: readonly Sample[],
  { imgsz, rng, offset = mosaicOffset(imgsz, rng) }: { imgsz: number; rng: Rng; offset?: Point },
): Sample {
  const corners = around(tiles.map(({ picture }) => picture)).map(({ x, y }) => ({
    x: imgsz + x - offset.x,
    y: imgsz + y - offset.y,
  }));
  const { picture, labels } = lay(tiles, corners, 2 * imgsz);
  return { picture: flatten(picture), labels };
}

function mosaicOffset(imgsz: number, rng: Rng): Point {
  const y = rng.int(imgsz);
  const x = rng.int(imgsz);
  return { x, y };
}

// Top left corners, the middle picture's being (0, 0). Each picture touches the middle one and the one before it.
function around([middle, top, topRight, right, , bottom, bottomLeft, left, topLeft]: Picture[]): Point[] {
  const { width, height } = middle;
  return [
    { x: 0, y: 0 },
    { x: 0, y: -top.height },
    { x: top.width, y: -topRight.height },
    { x: width, y: 0 },
    { x: width, y: right.height },
    { x: width - bottom.width, y: height },
    { x: width - bottom.width - bottomLeft.width, y: height },
    { x: -left.width, y: height - left.height },
    { x: -topLeft.width, y: height - left.height - topLeft.height },
  ];
}

function lay(tiles: readonly Sample[], corners: readonly Point[], side: number): Sample<Patchwork> {
  const patches = tiles.map(({ picture }, i) => ({ picture, left: corners[i].x, top: corners[i].y }));
  const parts = tiles.map(({ labels }, i) => moveLabels(labels, (x, y) => [x + corners[i].x, y + corners[i].y]));
  return { picture: { width: side, height: side, patches }, labels: clip(joinLabels(parts), side) };
}

function clip(labels: Labels, side: number): Labels {
  const inside = (x: number) => Math.min(Math.max(x, 0), side);
  return {
    classes: labels.classes,
    boxes: clipBoxes(labels.boxes, { width: side, height: side }),
    segments: mapSegments(labels, (x, y) => [inside(x), inside(y)]),
  };
}
