import { UserError } from "../../errors/index.js";
import type { Size } from "../boxes.js";

/** Mean and standard deviation around every number of some planes. */
export interface LocalMoments {
  readonly mean: Float32Array;
  /** sqrt(unbiased variance + 1e-6). */
  readonly deviation: Float32Array;
}

/**
 * Mean and deviation of planes [n, height, width] over the square of `window` around every place; beyond the border nothing
 * counts.
 * @throws UserError where the window is even.
 */
export function localMoments(planes: Float32Array, { width, height }: Size, window: number): LocalMoments {
  if (window % 2 === 0) throw new UserError(`norm_target: got ${window}, expected an odd number`);
  const mean = new Float32Array(planes.length);
  const deviation = new Float32Array(planes.length);
  const reach = (window - 1) / 2;
  const [size, step] = [width * height, width + 1];
  for (let start = 0; start < planes.length; start += size) {
    const plane = planes.subarray(start, start + size);
    const [sums, squares] = [summed(plane, width, (x) => x), summed(plane, width, (x) => x * x)];
    for (let y = 0, i = start; y < height; y++) {
      const top = Math.max(y - reach, 0);
      const bottom = Math.min(y + reach + 1, height);
      const low = top * step;
      const high = bottom * step;
      for (let x = 0; x < width; x++, i++) {
        const left = Math.max(x - reach, 0);
        const right = Math.min(x + reach + 1, width);
        const n = (bottom - top) * (right - left);
        const mu = (sums[high + right] - sums[high + left] - sums[low + right] + sums[low + left]) / n;
        const square = (squares[high + right] - squares[high + left] - squares[low + right] + squares[low + left]) / n;
        const variance = Math.max(((square - mu * mu) * n) / Math.max(n - 1, 1), 0);
        mean[i] = mu;
        deviation[i] = Math.sqrt(variance + 1e-6);
      }
    }
  }
  return { mean, deviation };
}

/** (x - mean) / deviation of the surroundings: what SimMIM's V2 recipe lets networks predict. */
export function localNorm(planes: Float32Array, size: Size, window: number): Float32Array {
  const { mean, deviation } = localMoments(planes, size, window);
  return planes.map((x, i) => (x - mean[i]) / deviation[i]);
}

// Entry (y, x) is the sum of `of` all numbers above and left of it [height + 1, width + 1].
function summed(plane: Float32Array, width: number, of: (x: number) => number): Float64Array {
  const height = plane.length / width;
  const table = new Float64Array((height + 1) * (width + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      row += of(plane[y * width + x]);
      table[(y + 1) * (width + 1) + x + 1] = table[y * (width + 1) + x + 1] + row;
    }
  }
  return table;
}
