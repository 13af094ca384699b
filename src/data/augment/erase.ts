import type { Size } from "../boxes.js";
import type { Region } from "../crop.js";
import type { Rng } from "../rng.js";
import { roundHalfEven } from "../round.js";

/** Random noise, normal with deviation 1, over one region of normalised planes [3, height, width], in place. */
export function eraseRegion(planes: Float32Array, { width, height }: Size, region: Region, rng: Rng): void {
  for (let channel = 0; channel < 3; channel++) {
    for (let y = region.top; y < region.top + region.height; y++) {
      const start = (channel * height + y) * width + region.left;
      for (let x = 0; x < region.width; x++) planes[start + x] = rng.normal();
    }
  }
}

const area = [0.02, 1 / 3] as const;
const ratio = Math.log(0.3);

/** A region of 2 to 33 % of the area, its height over width from 0.3 to 1 / 0.3; undefined when ten do not fit. */
export function drawErased({ width, height }: Size, rng: Rng): Region | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const pixels = rng.uniform(...area) * width * height;
    const aspect = Math.exp(rng.uniform(ratio, -ratio));
    const [h, w] = [roundHalfEven(Math.sqrt(pixels * aspect)), roundHalfEven(Math.sqrt(pixels / aspect))];
    if (w < 1 || h < 1 || w >= width || h >= height) continue;
    const top = rng.int(height - h + 1);
    return { left: rng.int(width - w + 1), top, width: w, height: h };
  }
  return undefined;
}
