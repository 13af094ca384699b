import { ignored, right, type Verdicts } from "./assign.js";

/** Detections of one class in all pictures. */
export interface ClassScenes {
  /** The place of each detection among those of its picture. */
  readonly ranks: Uint32Array;
  /** All detections by falling score. */
  readonly order: Uint32Array;
}

/** Precision at each recall and the last recall, by overlap; undefined where there is nothing to find. */
export interface Curves {
  /** [thresholds, recalls] */
  readonly precision: Float64Array;
  readonly recall: Float64Array;
}

/** The curves of a class, with the best `maxDet` detections of each picture. */
export function curvesOf(
  { order, ranks }: ClassScenes,
  { verdicts, positives }: Verdicts,
  { maxDet, recThrs, thresholds }: { maxDet: number; recThrs: readonly number[]; thresholds: number },
): Curves | undefined {
  if (positives === 0) return undefined;
  const chosen = order.filter((d) => ranks[d] < maxDet);
  const curves = { precision: new Float64Array(thresholds * recThrs.length), recall: new Float64Array(thresholds) };
  const recall = new Float64Array(chosen.length);
  const precision = new Float64Array(chosen.length);
  for (let t = 0; t < thresholds; t++) {
    let [hits, counted] = [0, 0];
    for (let i = 0; i < chosen.length; i++) {
      const verdict = verdicts[t * order.length + chosen[i]];
      if (verdict === right) hits++;
      if (verdict !== ignored) counted++;
      recall[i] = hits / positives;
      precision[i] = hits / (counted + Number.EPSILON);
    }
    for (let i = precision.length - 1; i > 0; i--) precision[i - 1] = Math.max(precision[i - 1], precision[i]);
    curves.recall[t] = recall.at(-1) ?? 0;
    recThrs.forEach((threshold, r) => {
      curves.precision[t * recThrs.length + r] = precision[firstAtLeast(recall, threshold)] ?? 0;
    });
  }
  return curves;
}

// The first place in rising values that is not under `least`; their number where none is.
function firstAtLeast(rising: Float64Array, least: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
