import type { Size } from "../boxes.js";
import type { Region } from "../crop.js";
import type { Rng } from "../rng.js";

/** How pictures of a batch are mixed; 0 switches one of the two off. */
export interface MixOptions {
  /** lambda ~ Beta(mixup, mixup) */
  readonly mixup: number;
  /** lambda ~ Beta(cutmix, cutmix) */
  readonly cutmix: number;
}

/** What a batch's mix draws: a share `lambda` of each picture stays, and the region that the others' pixels fill with cutmix. */
export interface Mix {
  readonly lambda: number;
  readonly region?: Region;
}

/** Mixup or cutmix for a whole batch, each as likely as the other where both are on; undefined where none is. */
export function drawMix({ mixup, cutmix }: MixOptions, size: Size, rng: Rng): Mix | undefined {
  if (mixup <= 0 && cutmix <= 0) return undefined;
  const cuts = cutmix > 0 && (mixup <= 0 || rng.next() < 0.5);
  if (!cuts) return { lambda: rng.beta(mixup, mixup) };
  const region = cutRegion(size, rng.beta(cutmix, cutmix), { x: rng.int(size.width), y: rng.int(size.height) });
  return { lambda: 1 - (region.width * region.height) / (size.width * size.height), region };
}

/** A box of a share 1 - `lambda` of the area around a point, cut at the rim. */
export function cutRegion({ width, height }: Size, lambda: number, { x, y }: { x: number; y: number }): Region {
  const side = Math.sqrt(1 - lambda);
  const span = (at: number, length: number) => {
    const reach = Math.floor(Math.floor(side * length) / 2);
    return [Math.max(at - reach, 0), Math.min(at + reach, length)];
  };
  const [[left, right], [top, bottom]] = [span(x, width), span(y, height)];
  return { left, top, width: right - left, height: bottom - top };
}

/** Mixes each picture [3, height, width] of a batch with that of the reversed batch, in place. */
export function mixPictures(images: Float32Array, { width, height }: Size, { lambda, region }: Mix): void {
  const length = 3 * width * height;
  const count = images.length / length;
  const from = region ? rows(region, { width, height }) : [[0, length]];
  for (let i = 0; 2 * i < count; i++) {
    const [a, b] = [i * length, (count - 1 - i) * length];
    for (const [start, end] of from) {
      for (let k = start; k < end; k++) {
        const [x, y] = [images[a + k], images[b + k]];
        images[a + k] = region ? y : lambda * x + (1 - lambda) * y;
        images[b + k] = region ? x : lambda * y + (1 - lambda) * x;
      }
    }
  }
}

// Start and end of each row of the region in every plane.
const rows = ({ left, top, width, height }: Region, size: Size): [number, number][] =>
  Array.from({ length: 3 * height }, (_, i) => {
    const [channel, y] = [Math.floor(i / height), top + (i % height)];
    const start = (channel * size.height + y) * size.width + left;
    return [start, start + width];
  });

/**
 * What a network is to say [b, classes]: smoothed one-hot rows (off = smoothing / classes, on = 1 - smoothing + off), mixed with
 * those of the reversed batch where there is a mix.
 */
export function softTargets(
  labels: readonly number[],
  { classes, smoothing = 0, lambda = 1 }: { classes: number; smoothing?: number; lambda?: number },
): Float32Array {
  const off = smoothing / classes;
  const targets = new Float32Array(labels.length * classes).fill(off);
  labels.forEach((label, i) => {
    targets[i * classes + label] += lambda * (1 - smoothing);
    targets[i * classes + labels[labels.length - 1 - i]] += (1 - lambda) * (1 - smoothing);
  });
  return targets;
}
