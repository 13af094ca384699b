import { type HsvGains, scaleHsv } from "../colour.js";
import type { AugmentContext, AugmentHyp, Sample } from "./sample.js";

/** The sample with hue, saturation and value of its picture multiplied by random factors. */
export function hsv(sample: Sample, { hyp, rng }: AugmentContext): Sample {
  const gains = hsvGains(hyp, [rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-1, 1)]);
  if (gains.every((gain) => gain === 1)) return sample;
  return { picture: scaleHsv(sample.picture, gains), labels: sample.labels };
}

/** The factors 1 + gain * draw, the draws from [-1, 1]. */
export function hsvGains({ hsv_h = 0, hsv_s = 0, hsv_v = 0 }: AugmentHyp, draws: readonly number[]): HsvGains {
  return [1 + hsv_h * draws[0], 1 + hsv_s * draws[1], 1 + hsv_v * draws[2]];
}
