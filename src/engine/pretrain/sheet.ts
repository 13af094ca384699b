import { blank, denormalised, localMoments, type Picture, resize } from "../../data/index.js";
import { sheet } from "../draw/index.js";
import type { Reconstructed } from "./evaluate.js";

/** Small pictures are drawn at least this large. */
const least = 128;

/**
 * A sheet of the first pictures: as they are, with what is hidden in grey, and with what the network makes of it. Where targets
 * were normalised, what it makes gets the mean and deviation of the picture's own surroundings back.
 */
export function reconstructionSheet(
  { batch, hidden, made }: Reconstructed,
  { norm_target, most = 8 }: { norm_target: number; most?: number },
): Picture {
  const [count, channels, height, width] = batch.shape;
  const size = { width, height };
  const length = channels * width * height;
  const columns = Array.from({ length: Math.min(count, most) }, (_, i) => {
    const planes = batch.images.subarray(i * length, (i + 1) * length);
    const covers = coverOf(hidden.mask.data as Float32Array, { i, rows: hidden.mask.shape[1], ...size });
    const raw = made.subarray(i * length, (i + 1) * length);
    const pixels = norm_target > 0 ? restored(raw, planes, { ...size, window: norm_target }) : raw;
    const whole = denormalised(planes, size);
    return [
      whole,
      mixed(whole, blank(size, [114, 114, 114]), covers),
      mixed(whole, denormalised(pixels, size), covers),
    ];
  });
  const times = Math.max(1, Math.ceil(least / width));
  const large = (picture: Picture) => resize(picture, times * width, times * height);
  return sheet([0, 1, 2].map((row) => columns.map((column) => large(column[row]))));
}

// For each pixel whether it is hidden.
function coverOf(
  mask: Float32Array,
  { i, rows, width, height }: { i: number; rows: number; width: number; height: number },
): (pixel: number) => boolean {
  const patch = height / rows;
  const columns = width / patch;
  return (pixel) => {
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    return mask[(i * rows + Math.floor(y / patch)) * columns + Math.floor(x / patch)] > 0;
  };
}

function mixed(shown: Picture, covered: Picture, covers: (pixel: number) => boolean): Picture {
  const data = shown.data.slice();
  for (let p = 0; p < shown.width * shown.height; p++)
    if (covers(p)) data.set(covered.data.subarray(3 * p, 3 * p + 3), 3 * p);
  return { ...shown, data };
}

function restored(
  made: Float32Array,
  planes: Float32Array,
  { window, ...size }: { window: number; width: number; height: number },
): Float32Array {
  const { mean, deviation } = localMoments(planes, size, window);
  return made.map((v, i) => v * deviation[i] + mean[i]);
}
