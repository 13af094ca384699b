import type { Range } from "../../graph/index.js";
import { bins, type Histogram } from "./histogram.js";

/** How a range is chosen from what came: all of it, all but the rarest extremes, or what tells the most in 8 bits. */
export const calibrations = ["minmax", "percentile", "entropy"] as const;

export type Calibration = (typeof calibrations)[number];

/**
 * The range of numbers that the levels of a tensor stand for. `percentile`: absolute values up to that percentage of all.
 */
export function rangeOf(histogram: Histogram, method: Calibration, { percentile = 99.99 } = {}): Range {
  const { low, high } = histogram;
  const largest = {
    minmax: () => Number.POSITIVE_INFINITY,
    percentile: () => atPercentile(histogram, percentile),
    entropy: () => leastDivergence(histogram),
  }[method]();
  return { low: Math.max(low, -largest), high: Math.min(high, largest) };
}

// The end of the bin up to which at least the percentage of all numbers lies.
function atPercentile({ counts, width }: Histogram, percentile: number): number {
  const wanted = (counts.reduce((sum, n) => sum + n, 0) * percentile) / 100;
  let sum = 0;
  for (let i = 0; i < bins; i++) {
    sum += counts[i];
    if (sum >= wanted) return (i + 1) * width;
  }
  return bins * width;
}

const step = 8;

/**
 * The limit T for which the numbers, cut at T, and their version in levels differ least by Kullback-Leibler divergence
 * (Migacz, 8-bit inference with TensorRT, GTC 2017). Of the 255 levels as many are for the absolute values as fall to the
 * longer side of [max(low, -T), min(high, T)].
 */
function leastDivergence(histogram: Histogram): number {
  const { width } = histogram;
  // Zeros are exact in any levels, and many: they count like the bin after them.
  const counts = Float64Array.from(histogram.counts);
  counts[0] = Math.min(counts[0], counts[1]);
  let [best, least] = [bins, Number.POSITIVE_INFINITY];
  for (let cut = 128; cut <= bins; cut += step) {
    const limit = cut * width;
    const sides = Math.min(limit, -histogram.low) + Math.min(limit, histogram.high);
    const levels = Math.max(1, Math.round((255 * limit) / Math.max(sides, limit)));
    if (levels > cut) continue;
    const found = divergence(counts, cut, levels);
    if (found < least) [best, least] = [cut, found];
  }
  return best * width;
}

// KL(P || Q): P the first `cut` bins with what lies beyond in the last that is not empty, Q the same bins without it, in
// `levels` steps spread evenly over the bins that are not empty.
function divergence(counts: Float64Array, cut: number, levels: number): number {
  let beyond = 0;
  for (let i = cut; i < bins; i++) beyond += counts[i];
  let [inside, last] = [0, 0];
  for (let i = 0; i < cut; i++) {
    inside += counts[i];
    if (counts[i] > 0) last = i;
  }
  if (inside === 0) return Number.POSITIVE_INFINITY;
  const all = inside + beyond;
  let sum = 0;
  for (let level = 0; level < levels; level++) {
    const from = Math.round((level * cut) / levels);
    const to = Math.round(((level + 1) * cut) / levels);
    let [total, filled] = [0, 0];
    for (let i = from; i < to; i++) {
      total += counts[i];
      if (counts[i] > 0) filled++;
    }
    const q = filled === 0 ? 0 : total / filled / inside;
    for (let i = from; i < to; i++) {
      const p = (i === last ? counts[i] + beyond : counts[i]) / all;
      if (p > 0) sum += p * Math.log(p / q);
    }
  }
  return sum;
}
