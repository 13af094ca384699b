/** How predictions become detections. */
export interface NmsOptions {
  /** Least confidence (objectness times class score). */
  readonly conf?: number;
  /** Two boxes of a class that overlap more than this are one object. */
  readonly iou?: number;
  /** Only these classes. */
  readonly classes?: readonly number[];
  /** Boxes suppress those of other classes too. */
  readonly agnostic?: boolean;
  /** A box for every class over `conf` instead of the best one alone. */
  readonly multiLabel?: boolean;
  /** For each picture known objects, rows of class, cx, cy, w, h in pixels, that take part as certain ones. */
  readonly labels?: readonly Float32Array[];
  readonly maxDet?: number;
  /** The most boxes that are compared, by confidence. */
  readonly maxNms?: number;
  /** Numbers after the class scores of a row (mask coefficients): kept and multiplied by the objectness. */
  readonly masks?: number;
  /** Pictures that are begun after so many milliseconds stay empty. */
  readonly timeLimitMs?: number;
}

/** Keeps boxes of different classes apart while they are compared. */
const classOffset = 7680;

/**
 * Non-maximum suppression of decoded rows [batch, rows, 5 + classes + masks] (cx, cy, w, h in pixels, objectness, scores):
 * for each picture rows x1, y1, x2, y2, confidence, class, mask coefficients, most confident first.
 */
export function nonMaxSuppression(
  prediction: Float32Array,
  [batch, rows, width]: readonly [batch: number, rows: number, width: number],
  options: NmsOptions = {},
): Float32Array[] {
  const start = performance.now();
  return Array.from({ length: batch }, (_, b) => {
    const late = options.timeLimitMs !== undefined && performance.now() - start > options.timeLimitMs;
    if (late) return new Float32Array();
    const picture = prediction.subarray(b * rows * width, (b + 1) * rows * width);
    return suppress(picture, width, { ...options, known: options.labels?.[b] });
  });
}

interface Candidates {
  /** x1, y1, x2, y2 */
  readonly boxes: number[];
  readonly scores: number[];
  readonly classes: number[];
  /** The row each comes from; beyond the prediction's rows for known objects. */
  readonly rows: number[];
}

function suppress(picture: Float32Array, width: number, options: NmsOptions & { known?: Float32Array }): Float32Array {
  const { iou = 0.45, agnostic = false, maxDet = 300, maxNms = 30000, masks = 0 } = options;
  const { boxes, scores, classes, rows } = candidatesOf(picture, width, options);
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  if (order.length > maxNms) order.length = maxNms;
  const shifted = Float32Array.from(boxes);
  if (!agnostic) for (let i = 0; i < shifted.length; i++) shifted[i] += classes[i >> 2] * classOffset;
  const kept = greedy(shifted, order, { iou, most: maxDet });
  const out = new Float32Array(kept.length * (6 + masks));
  kept.forEach((i, k) => {
    out.set([...boxes.slice(i * 4, i * 4 + 4), scores[i], classes[i]], k * (6 + masks));
    const row = rows[i] * width;
    for (let m = 0; m < masks; m++) {
      const known = row >= picture.length;
      out[k * (6 + masks) + 6 + m] = known ? 0 : picture[row + width - masks + m] * picture[row + 4];
    }
  });
  return out;
}

function candidatesOf(
  picture: Float32Array,
  width: number,
  options: NmsOptions & { known?: Float32Array },
): Candidates {
  const { conf = 0.25, classes: wanted, multiLabel = false, masks = 0, known } = options;
  const nc = width - 5 - masks;
  const allowed = wanted && new Set(wanted);
  const found: Candidates = { boxes: [], scores: [], classes: [], rows: [] };
  const take = (row: number, c: number, score: number, at: readonly [number, number, number, number]) => {
    if (allowed && !allowed.has(c)) return;
    const [x, y, w, h] = at;
    found.boxes.push(x - w / 2, y - h / 2, x + w / 2, y + h / 2);
    found.scores.push(score);
    found.classes.push(c);
    found.rows.push(row);
  };
  const several = multiLabel && nc > 1;
  const count = picture.length / width;
  const limit = Math.fround(conf);
  for (let row = 0; row < count; row++) {
    const at = row * width;
    const objectness = picture[at + 4];
    if (!(objectness > limit)) continue;
    const box = [picture[at], picture[at + 1], picture[at + 2], picture[at + 3]] as const;
    let best = 0;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < nc; c++) {
      const score = Math.fround(picture[at + 5 + c] * objectness);
      if (several) {
        if (score > limit) take(row, c, score, box);
      } else if (score > bestScore) [best, bestScore] = [c, score];
    }
    if (!several && bestScore > limit) take(row, best, bestScore, box);
  }
  if (known) {
    for (let i = 0; i + 5 <= known.length; i += 5) {
      take(count + i / 5, known[i], 1, [known[i + 1], known[i + 2], known[i + 3], known[i + 4]]);
    }
  }
  return found;
}

// Takes boxes by confidence and drops those after that overlap a taken one too much.
function greedy(boxes: Float32Array, order: readonly number[], { iou, most }: { iou: number; most: number }): number[] {
  const kept: number[] = [];
  const areas: number[] = [];
  const corners: number[] = [];
  for (const i of order) {
    const [x1, y1, x2, y2] = [boxes[i * 4], boxes[i * 4 + 1], boxes[i * 4 + 2], boxes[i * 4 + 3]];
    const area = (x2 - x1) * (y2 - y1);
    let free = true;
    for (let k = 0, c = 0; k < kept.length; k++, c += 4) {
      const w = Math.min(x2, corners[c + 2]) - Math.max(x1, corners[c]);
      if (w <= 0) continue;
      const h = Math.min(y2, corners[c + 3]) - Math.max(y1, corners[c + 1]);
      if (h <= 0) continue;
      const both = w * h;
      if (both > iou * (area + areas[k] - both)) {
        free = false;
        break;
      }
    }
    if (!free) continue;
    kept.push(i);
    if (kept.length === most) break;
    areas.push(area);
    corners.push(x1, y1, x2, y2);
  }
  return kept;
}
