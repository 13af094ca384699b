/** Average precision of one class at one overlap, and the curve it comes from. */
export interface ApResult {
  readonly ap: number;
  /** Precision made non-increasing, with the points at recall 0 and 1. */
  readonly envelope: number[];
  readonly recallPadded: number[];
}

/** The area under a precision-recall curve: 101 points of recall (as COCO) or every step of it. */
export function computeAp(
  recall: ArrayLike<number>,
  precision: ArrayLike<number>,
  method: "interp" | "continuous" = "interp",
): ApResult {
  const r = [0, ...Array.from(recall), 1];
  const p = [1, ...Array.from(precision), 0];
  for (let i = p.length - 2; i >= 0; i--) p[i] = Math.max(p[i], p[i + 1]);
  let ap = 0;
  if (method === "interp") {
    const at = Array.from({ length: 101 }, (_, i) => i / 100);
    const y = at.map((x) => interpolate(x, r, p));
    for (let i = 1; i < 101; i++) ap += ((y[i] + y[i - 1]) / 2) * (at[i] - at[i - 1]);
  } else for (let i = 1; i < r.length; i++) if (r[i] !== r[i - 1]) ap += (r[i] - r[i - 1]) * p[i];
  return { ap, envelope: p, recallPadded: r };
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
  return ys[i] + ((ys[i + 1] - ys[i]) * (x - xs[i])) / (xs[i + 1] - xs[i]);
}

/** Box filter over a share `f` of the curve, ends repeated. */
export function smooth(y: ArrayLike<number>, f = 0.05): number[] {
  const width = Math.floor(roundEven(y.length * f * 2) / 2) + 1;
  const half = Math.floor(width / 2);
  const padded = [
    ...new Array<number>(half).fill(y[0]),
    ...Array.from(y),
    ...new Array<number>(half).fill(y[y.length - 1]),
  ];
  return Array.from({ length: padded.length - width + 1 }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += padded[i + k];
    return sum / width;
  });
}

const roundEven = (x: number): number => {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
};

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
  readonly curves: { readonly precision: number[][]; readonly recall: number[][]; readonly f1: number[][] };
}

const points = 1000;

/** Precision, recall, F1 and average precision of every class, as YOLOv5 computes them. */
export function apPerClass(
  { correct, thresholds, confidence, predicted, labels }: ApInput,
  { eps = 1e-16 } = {},
): ClassMetrics {
  const order = Array.from({ length: confidence.length }, (_, i) => i).sort(
    (a, b) => confidence[b] - confidence[a] || a - b,
  );
  const counts = new Map<number, number>();
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  const classes = [...counts.keys()].sort((a, b) => a - b);
  const instances = classes.map((c) => counts.get(c)!);
  const grid = Array.from({ length: points }, (_, i) => i / (points - 1));
  const rows = classes.map((c, k) =>
    classCurves(
      order.filter((i) => predicted[i] === c),
      { correct, thresholds, confidence, instances: instances[k], grid, eps },
    ),
  );
  const f1 = rows.map(({ precision, recall }) => precision.map((p, i) => (2 * p * recall[i]) / (p + recall[i] + eps)));
  const mean = grid.map((_, i) => (f1.length ? f1.reduce((sum, row) => sum + row[i], 0) / f1.length : 0));
  const smoothed = smooth(mean, 0.1);
  const best = smoothed.reduce((top, value, i) => (value > smoothed[top] ? i : top), 0);
  const precision = rows.map((row) => row.precision[best]);
  const recall = rows.map((row) => row.recall[best]);
  const tp = recall.map((r, k) => roundEven(r * instances[k]));
  return {
    classes,
    instances,
    tp,
    fp: tp.map((n, k) => roundEven(n / (precision[k] + eps) - n)),
    precision,
    recall,
    f1: f1.map((row) => row[best]),
    ap: rows.map((row) => row.ap),
    bestConfidence: grid[best],
    curves: { precision: rows.map((row) => row.precision), recall: rows.map((row) => row.recall), f1 },
  };
}

interface CurveInput {
  readonly correct: ArrayLike<number>;
  readonly thresholds: number;
  readonly confidence: ArrayLike<number>;
  readonly instances: number;
  readonly grid: readonly number[];
  readonly eps: number;
}

function classCurves(mine: readonly number[], { correct, thresholds, confidence, instances, grid, eps }: CurveInput) {
  if (mine.length === 0) {
    const none = grid.map(() => 0);
    return { precision: none, recall: none, ap: new Array<number>(thresholds).fill(0) };
  }
  const curve = (t: number) => {
    const recall: number[] = [];
    const precision: number[] = [];
    let hits = 0;
    mine.forEach((i, k) => {
      hits += correct[i * thresholds + t];
      recall.push(hits / (instances + eps));
      precision.push(hits / (k + 1));
    });
    return { recall, precision };
  };
  const first = curve(0);
  const falling = mine.map((i) => -confidence[i]);
  return {
    recall: grid.map((x) => interpolate(-x, falling, first.recall, 0)),
    precision: grid.map((x) => interpolate(-x, falling, first.precision, 1)),
    ap: Array.from({ length: thresholds }, (_, t) => {
      const { recall, precision } = curve(t);
      return computeAp(recall, precision).ap;
    }),
  };
}

/** What a model is chosen by: weights for precision, recall, mAP50 and mAP50-95. */
export const fitness = (
  m: { precision: number; recall: number; map50: number; map: number },
  weights = [0, 0, 0.1, 0.9],
): number => m.precision * weights[0] + m.recall * weights[1] + m.map50 * weights[2] + m.map * weights[3];
