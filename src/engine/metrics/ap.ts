import { roundHalfEven } from "../../data/round.js";

/** Average precision of one class at one overlap, and the curve it comes from. */
export interface ApResult {
  readonly ap: number;
  /** Precision made non-increasing, with the points at recall 0 and 1. */
  readonly envelope: Float64Array;
  readonly recallPadded: Float64Array;
}

/** The area under a precision-recall curve: 101 points of recall (as COCO) or every step of it. */
export function computeAp(
  recall: ArrayLike<number>,
  precision: ArrayLike<number>,
  method: "interp" | "continuous" = "interp",
): ApResult {
  const r = padded(recall, 0, 1);
  const p = padded(precision, 1, 0);
  for (let i = p.length - 2; i >= 0; i--) p[i] = Math.max(p[i], p[i + 1]);
  return { ap: method === "interp" ? areaAt101(r, p) : areaOfSteps(r, p), envelope: p, recallPadded: r };
}

function padded(values: ArrayLike<number>, first: number, last: number): Float64Array {
  const out = new Float64Array(values.length + 2);
  out[0] = first;
  out.set(values, 1);
  out[out.length - 1] = last;
  return out;
}

// By the trapezoidal rule.
function areaAt101(r: Float64Array, p: Float64Array): number {
  const x = Array.from({ length: 101 }, (_, i) => i * 0.01);
  const y = x.map((at) => interpolate(at, r, p));
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((y[i] + y[i - 1]) / 2) * (x[i] - x[i - 1]);
  return area;
}

function areaOfSteps(r: Float64Array, p: Float64Array): number {
  let area = 0;
  for (let i = 1; i < r.length; i++) area += (r[i] - r[i - 1]) * p[i];
  return area;
}

/** Linear interpolation as numpy.interp: the last of equal points counts; `left` and `right` beyond the ends. */
export function interpolate(
  x: number,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  left = ys[0],
  right = ys[ys.length - 1],
): number {
  const n = xs.length;
  if (x < xs[0]) return left;
  if (x > xs[n - 1]) return right;
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle + 1;
    else high = middle;
  }
  const i = low - 1;
  if (i >= n - 1 || xs[i] === x) return ys[i];
  const slope = (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]);
  return slope * (x - xs[i]) + ys[i];
}

/** Box filter over a share `f` of the curve, ends repeated; a filter of even width gives one value more. */
export function smooth(y: ArrayLike<number>, f = 0.05): number[] {
  const width = Math.floor(roundHalfEven(y.length * f * 2) / 2) + 1;
  const half = Math.floor(width / 2);
  const at = (i: number) => y[Math.min(Math.max(i - half, 0), y.length - 1)];
  return Array.from({ length: y.length + 2 * half - width + 1 }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += at(i + k);
    return sum / width;
  });
}

/** Detections of a whole data set, one entry each, and the classes of all labels. */
export interface ApInput {
  /** [detections, thresholds], 1 where right. */
  readonly correct: ArrayLike<number>;
  readonly thresholds: number;
  readonly confidence: ArrayLike<number>;
  readonly predicted: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** Figures for each class that has labels, at the confidence of the best mean F1. */
export interface ClassMetrics {
  readonly classes: number[];
  readonly instances: number[];
  readonly tp: number[];
  readonly fp: number[];
  readonly precision: number[];
  readonly recall: number[];
  readonly f1: number[];
  /** [classes][thresholds] */
  readonly ap: number[][];
  readonly bestConfidence: number;
  /** For plots: values at 1000 confidences [classes][1000]. */
  readonly curves: {
    readonly precision: number[][];
    readonly recall: number[][];
    readonly f1: number[][];
    /** Precision at 1000 recalls instead, at the first overlap. */
    readonly precisionAtRecall: number[][];
  };
}

const points = 1000;

/**
 * Precision, recall, F1 and average precision of every class that has labels, as YOLOv5 computes them. A class without
 * detections has zeros everywhere.
 */
export function apPerClass(input: ApInput, { eps = 1e-16 }: { eps?: number } = {}): ClassMetrics {
  const counts = countsOf(input.labels);
  const classes = [...counts.keys()].sort((a, b) => a - b);
  const instances = classes.map((c) => counts.get(c)!);
  const mine = byClass(input);
  const grid = Array.from({ length: points }, (_, i) => (i === points - 1 ? 1 : i * (1 / (points - 1))));
  const rows = classes.map((c, k) => curvesOf(mine.get(c) ?? [], input, { instances: instances[k], grid, eps }));
  const f1 = rows.map(({ precision, recall }) => precision.map((p, i) => (2 * p * recall[i]) / (p + recall[i] + eps)));
  const best = bestPoint(f1);
  const precision = rows.map((row) => row.precision[best]);
  const recall = rows.map((row) => row.recall[best]);
  const tp = recall.map((r, k) => roundHalfEven(r * instances[k]));
  return {
    classes,
    instances,
    tp,
    fp: tp.map((n, k) => roundHalfEven(n / (precision[k] + eps) - n)),
    precision,
    recall,
    f1: f1.map((row) => row[best]),
    ap: rows.map((row) => row.ap),
    bestConfidence: grid[best],
    curves: {
      precision: rows.map((row) => row.precision),
      recall: rows.map((row) => row.recall),
      f1,
      precisionAtRecall: rows.map((row) => row.precisionAtRecall),
    },
  };
}

function countsOf(labels: ArrayLike<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) counts.set(labels[i], (counts.get(labels[i]) ?? 0) + 1);
  return counts;
}

// The detections of each class, most confident first.
function byClass({ confidence, predicted }: ApInput): Map<number, number[]> {
  const lists = new Map<number, number[]>();
  for (let i = 0; i < confidence.length; i++) {
    const list = lists.get(predicted[i]);
    if (list) list.push(i);
    else lists.set(predicted[i], [i]);
  }
  for (const list of lists.values()) list.sort((a, b) => confidence[b] - confidence[a]);
  return lists;
}

// Where the mean over the classes, smoothed, is largest; of equals the first.
function bestPoint(f1: readonly (readonly number[])[]): number {
  const mean = Array.from({ length: points }, (_, i) => f1.reduce((sum, row) => sum + row[i], 0) / (f1.length || 1));
  const smoothed = smooth(mean, 0.1);
  return smoothed.reduce((best, value, i) => (value > smoothed[best] ? i : best), 0);
}

interface CurveOptions {
  readonly instances: number;
  readonly grid: readonly number[];
  readonly eps: number;
}

interface ClassCurves {
  /** [grid] */
  readonly precision: number[];
  readonly recall: number[];
  readonly precisionAtRecall: number[];
  /** [thresholds] */
  readonly ap: number[];
}

function curvesOf(
  mine: readonly number[],
  { correct, confidence, thresholds }: ApInput,
  { instances, grid, eps }: CurveOptions,
): ClassCurves {
  const zeros = grid.map(() => 0);
  if (mine.length === 0)
    return { precision: zeros, recall: zeros, precisionAtRecall: zeros, ap: new Array<number>(thresholds).fill(0) };
  const curves = Array.from({ length: thresholds }, (_, t) => {
    const [recall, precision] = [new Float64Array(mine.length), new Float64Array(mine.length)];
    let hits = 0;
    mine.forEach((i, k) => {
      hits += Number(correct[i * thresholds + t]);
      recall[k] = hits / (instances + eps);
      precision[k] = hits / (k + 1);
    });
    return { recall, precision };
  });
  const falling = Float64Array.from(mine, (i) => -confidence[i]);
  const areas = curves.map(({ recall, precision }) => computeAp(recall, precision));
  return {
    recall: grid.map((x) => interpolate(-x, falling, curves[0].recall, 0)),
    precision: grid.map((x) => interpolate(-x, falling, curves[0].precision, 1)),
    precisionAtRecall: grid.map((x) => interpolate(x, areas[0].recallPadded, areas[0].envelope)),
    ap: areas.map(({ ap }) => ap),
  };
}

/** What a model is chosen by: weights for precision, recall, mAP50 and mAP50-95. */
export const fitness = (
  m: { readonly precision: number; readonly recall: number; readonly map50: number; readonly map: number },
  weights: readonly number[] = [0, 0, 0.1, 0.9],
): number => m.precision * weights[0] + m.recall * weights[1] + m.map50 * weights[2] + m.map * weights[3];
