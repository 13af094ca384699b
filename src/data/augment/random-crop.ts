import type { Size } from "../boxes.js";
import { cropPicture, type Region, resizeAs } from "../crop.js";
import type { Rng } from "../rng.js";
import { roundHalfEven } from "../round.js";
import type { Picture } from "../sample.js";

export interface CropRange {
  /** Share of the picture's area, from and to. */
  readonly scale: readonly [number, number];
  /** Width over height, from and to. */
  readonly ratio: readonly [number, number];
}

/** A random part of the picture as a square of `side` pixels (Inception's crop). */
export function randomCrop(
  picture: Picture,
  { side, filter, rng, ...range }: CropRange & { side: number; filter: "bicubic" | "bilinear"; rng: Rng },
): Picture {
  return resizeAs(cropPicture(picture, drawRegion(picture, range, rng)), side, filter);
}

/**
 * A region of random area and shape, the logarithm of the ratio uniform; after ten that do not fit the largest centred one
 * within the ratios.
 */
export function drawRegion({ width, height }: Size, { scale, ratio }: CropRange, rng: Rng): Region {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = rng.uniform(...scale) * width * height;
    const aspect = Math.exp(rng.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const [w, h] = [roundHalfEven(Math.sqrt(area * aspect)), roundHalfEven(Math.sqrt(area / aspect))];
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const top = rng.int(height - h + 1);
    return { left: rng.int(width - w + 1), top, width: w, height: h };
  }
  const w = Math.min(width, Math.max(1, roundHalfEven(height * ratio[1])));
  const h = Math.min(height, Math.max(1, roundHalfEven(width / ratio[0])));
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
