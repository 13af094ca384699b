import type { Size } from "./boxes.js";
import { blank } from "./letterbox.js";
import type { Picture } from "./sample.js";

/** Pictures laid on a canvas of one grey level, 114 as everywhere: what a mosaic is before its pixels are copied. */
export interface Patchwork extends Size {
  /** Later patches lie over earlier ones; what sticks out of the canvas does not show. */
  readonly patches: readonly Patch[];
}

/** A picture and the place of its top left corner on the canvas, in whole pixels. */
export interface Patch {
  readonly picture: Picture;
  readonly left: number;
  readonly top: number;
}

/** The patchwork's pixels. */
export function flatten({ width, height, patches }: Patchwork): Picture {
  const canvas = blank({ width, height });
  for (const patch of patches) paste(canvas, patch);
  return canvas;
}

function paste(canvas: Picture, { picture, left, top }: Patch): void {
  const [from, to] = [Math.max(left, 0), Math.min(left + picture.width, canvas.width)];
  if (from >= to) return;
  for (let y = Math.max(top, 0); y < Math.min(top + picture.height, canvas.height); y++) {
    const start = ((y - top) * picture.width + from - left) * 3;
    canvas.data.set(picture.data.subarray(start, start + (to - from) * 3), (y * canvas.width + from) * 3);
  }
}
