import { UserError } from "../../errors/index.js";
import type { Size } from "../boxes.js";
import type { Rng } from "../rng.js";

/** How pictures are masked. */
export interface MaskOptions {
  /** Side of a cell that is masked as a whole, in pixels. */
  readonly cell: number;
  /** Share of the cells that are masked, rounded up. */
  readonly ratio: number;
  /** Side of the model's patches, in pixels. */
  readonly patch: number;
}

/**
 * A random mask of a picture's patches [height / patch * width / patch], row by row: 1 where the patch is hidden. Cells are
 * chosen without replacement, all alike likely (SimMIM).
 * @throws UserError where the picture does not divide into cells, or a cell into patches.
 */
export function drawMask({ width, height }: Size, { cell, ratio, patch }: MaskOptions, rng: Rng): Float32Array {
  if (cell % patch)
    throw new UserError(`mask_patch: got ${cell}, expected a multiple of the model's patches of ${patch}`);
  if (width % cell || height % cell) {
    throw new UserError(`mask_patch: got ${cell}, which does not divide pictures of ${height} x ${width}`);
  }
  const [rows, columns] = [height / cell, width / cell];
  const count = Math.ceil(ratio * rows * columns);
  const cells = rng.shuffle(Array.from({ length: rows * columns }, (_, i) => i)).slice(0, count);
  const times = cell / patch;
  const mask = new Float32Array(rows * columns * times * times);
  for (const one of cells) {
    const [top, left] = [Math.floor(one / columns) * times, (one % columns) * times];
    for (let y = top; y < top + times; y++)
      mask.fill(1, y * columns * times + left, y * columns * times + left + times);
  }
  return mask;
}
