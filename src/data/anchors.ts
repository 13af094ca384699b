import type { Size } from "./boxes.js";
import { evolveAnchors, kmeansAnchors, sortByArea } from "./kmeans.js";
import type { Rng } from "./rng.js";

// Sizes and anchors are rows of width and height in pixels of the network input: Float32Array [n, 2].

/** How well anchors suit a set of object sizes. */
export interface AnchorMetric {
  /** The share of objects with at least one anchor within a factor of `thr`. */
  readonly bestPossibleRecall: number;
  /** How many anchors an object has within that factor, on average. */
  readonly anchorsAboveThreshold: number;
  /** The mean of an object's best ratio to an anchor: 1 is a perfect fit, 0.5 off by a factor of 2. */
  readonly meanBest: number;
  /** The same, objects without an anchor counted as 0. */
  readonly fitness: number;
}

/** Compares every size [n, 2] with every anchor [k, 2], `thr` being the largest factor between the two. */
export function anchorMetric(wh: ArrayLike<number>, anchors: ArrayLike<number>, { thr = 4 } = {}): AnchorMetric {
  const count = wh.length / 2;
  let [recalled, above, sum, fit] = [0, 0, 0, 0];
  for (let i = 0; i < wh.length; i += 2) {
    let best = 0;
    for (let k = 0; k < anchors.length; k += 2) {
      const [w, h] = [wh[i] / anchors[k], wh[i + 1] / anchors[k + 1]];
      const ratio = Math.min(w, 1 / w, h, 1 / h);
      if (ratio > 1 / thr) above++;
      if (ratio > best) best = ratio;
    }
    sum += best;
    if (best > 1 / thr) {
      recalled++;
      fit += best;
    }
  }
  return {
    bestPossibleRecall: recalled / count,
    anchorsAboveThreshold: above / count,
    meanBest: sum / count,
    fitness: fit / count,
  };
}

/** Objects of one picture of some size: boxes as centre and size in fractions of it [n, 4]. */
export interface SizedBoxes extends Size {
  readonly boxes: Float32Array;
}

/**
 * The objects' widths and heights [n, 2] in pixels of pictures whose longer side is `imgsz`; with `rng` every picture's
 * are scaled once more by a factor from 0.9 to 1.1.
 */
export function objectSizes(
  pictures: readonly SizedBoxes[],
  { imgsz, rng }: { imgsz: number; rng?: Rng },
): Float32Array {
  const wh = new Float32Array(pictures.reduce((sum, { boxes }) => sum + boxes.length / 2, 0));
  let at = 0;
  for (const { width, height, boxes } of pictures) {
    const scale = (imgsz / Math.max(width, height)) * (rng?.uniform(0.9, 1.1) ?? 1);
    for (let i = 0; i < boxes.length; i += 4) {
      wh[at++] = boxes[i + 2] * width * scale;
      wh[at++] = boxes[i + 3] * height * scale;
    }
  }
  return wh;
}

/** What the check of anchors found: the anchors to use, whether they are new, and how both sets do on the objects. */
export interface AutoAnchor {
  readonly anchors: Float32Array;
  readonly changed: boolean;
  readonly before: AnchorMetric;
  /** Of the newly fitted anchors; undefined where the given ones were good enough. */
  readonly after?: AnchorMetric;
}

/**
 * Keeps anchors [k, 2] that can recall over 98 % of the objects; else fits new ones, which are taken if they recall more.
 * The check looks at sizes scaled at random a little, the fit at those there are.
 */
export function autoAnchor(
  pictures: readonly SizedBoxes[],
  anchors: Float32Array,
  { imgsz, rng, thr = 4, generations = 1000 }: { imgsz: number; rng: Rng; thr?: number; generations?: number },
): AutoAnchor {
  const wh = objectSizes(pictures, { imgsz, rng: rng.split("scale") });
  const before = anchorMetric(wh, anchors, { thr });
  if (wh.length === 0 || before.bestPossibleRecall > 0.98) return { anchors, changed: false, before };
  const sizes = objectSizes(pictures, { imgsz });
  const fitted = fitAnchors(sizes, anchors.length / 2, { imgsz, thr, generations, rng: rng.split("fit") });
  const after = anchorMetric(wh, fitted, { thr });
  const changed = after.bestPossibleRecall > before.bestPossibleRecall;
  return { anchors: changed ? fitted : anchors, changed, before, after };
}

/** `count` anchors [count, 2] for the objects' sizes, from small to large: k-means, then random mutations that help. */
export function fitAnchors(
  wh: Float32Array,
  count: number,
  { imgsz = 640, thr = 4, generations = 1000, rng }: { imgsz?: number; thr?: number; generations?: number; rng: Rng },
): Float32Array {
  const seen = wh.filter((_, i) => Math.max(wh[i - (i % 2)], wh[i - (i % 2) + 1]) >= 2);
  const start = kmeansAnchors(seen, count, { imgsz, rng: rng.split("kmeans") });
  const fitness = (anchors: Float32Array) => anchorMetric(seen, anchors, { thr }).fitness;
  return sortByArea(evolveAnchors(start, fitness, { generations, rng: rng.split("evolve") }));
}

/** The levels' anchors (w, h, w, h, ... in pixels), turned round if their areas fall while the strides grow. */
export function checkAnchorOrder(
  anchors: readonly (readonly number[])[],
  strides: readonly number[],
): readonly (readonly number[])[] {
  const areas = anchors.map((level) => mean(level.filter((_, i) => i % 2 === 0).map((w, i) => w * level[2 * i + 1])));
  const [byArea, byStride] = [areas[areas.length - 1] - areas[0], strides[strides.length - 1] - strides[0]];
  return Math.sign(byArea) === Math.sign(byStride) ? anchors : anchors.toReversed();
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
