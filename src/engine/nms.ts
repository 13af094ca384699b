import { UserError } from "../errors/index.js";
import { sortDescending } from "./sortDescending.js";

/** How predictions become detections. */
export interface NmsOptions {
  /** Least confidence (objectness times class score), exclusive; 0.25. */
  readonly conf?: number;
  /** Two boxes of a class that overlap more than this are one object; 0.45. */
  readonly iou?: number;
  /** Only these classes. */
  readonly classes?: readonly number[];
  /** Boxes suppress those of other classes too. */
  readonly agnostic?: boolean;
  /** A box for every class over `conf` instead of the best one alone. */
  readonly multiLabel?: boolean;
  /** For each picture known objects, rows of class, cx, cy, w, h in pixels, that take part with confidence 1. */
  readonly labels?: readonly ArrayLike<number>[];
  /** The most detections of a picture; 300. */
  readonly maxDet?: number;
  /** The most boxes of a picture that are compared, by confidence; 30000. */
  readonly maxNms?: number;
  /** Numbers after the class scores of a row (mask coefficients): kept, and multiplied by the objectness. */
  readonly masks?: number;
  /** Pictures that would begin later than so many milliseconds after the call stay empty. */
  readonly timeLimitMs?: number;
  /** Told how many pictures were done when the time was over. */
  readonly onTimeLimit?: (pictures: number) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** Keeps boxes of different classes apart while they are compared; in pixels. */
const classOffset = 7680;

/**
 * Non-maximum suppression of decoded rows [batch, rows, 5 + classes + masks] (cx, cy, w, h in pixels, objectness, scores):
 * for each picture rows x1, y1, x2, y2, confidence, class, mask coefficients, most confident first. A UserError where `conf`
 * or `iou` is not within 0 and 1.
 */
export function nonMaxSuppression(
  prediction: Float32Array,
  [batch, rows, width]: readonly [batch: number, rows: number, width: number],
  options: NmsOptions = {},
): Float32Array[] {
  check(prediction, [batch, rows, width], options);
  const { timeLimitMs = Number.POSITIVE_INFINITY, onTimeLimit, now = () => performance.now(), labels } = options;
  const start = now();
  const found: Float32Array[] = [];
  while (found.length < batch) {
    if (found.length > 0 && now() - start > timeLimitMs) {
      onTimeLimit?.(found.length);
      break;
    }
    const b = found.length;
    const picture = { rows: prediction.subarray(b * rows * width, (b + 1) * rows * width), width, known: labels?.[b] };
    found.push(suppress(picture, options));
  }
  while (found.length < batch) found.push(new Float32Array());
  return found;
}

interface Picture {
  /** [rows, width] */
  readonly rows: Float32Array;
  readonly width: number;
  /** [objects, 5] class, cx, cy, w, h */
  readonly known?: ArrayLike<number>;
}

function suppress(picture: Picture, options: NmsOptions): Float32Array {
  const { iou = 0.45, agnostic = false, maxDet = 300, maxNms = 30000, masks = 0 } = options;
  const candidates = candidatesOf(picture, options);
  const order = sortDescending(candidates.scores).subarray(0, maxNms);
  const classes = Float32Array.from(order, (i) => candidates.classes[i]);
  const boxes = cornersOf(picture, order, candidates.rows);
  const kept = greedy(agnostic ? boxes : shifted(boxes, classes), { iou, most: maxDet });
  const out = new Float32Array(kept.length * (6 + masks));
  kept.forEach((k, i) => {
    const at = i * (6 + masks);
    out.set(boxes.subarray(4 * k, 4 * k + 4), at);
    out[at + 4] = candidates.scores[order[k]];
    out[at + 5] = classes[k];
    // Coefficients of a known object (beyond the rows) stay 0.
    const end = (candidates.rows[order[k]] + 1) * picture.width;
    if (end > picture.rows.length) return;
    const objectness = picture.rows[end - picture.width + 4];
    for (let m = 0; m < masks; m++) out[at + 6 + m] = picture.rows[end - masks + m] * objectness;
  });
  return out;
}

interface Candidates {
  readonly scores: Float32Array;
  readonly classes: Float32Array;
  /** The row that each comes from; known objects count on after the last. */
  readonly rows: Uint32Array;
}

function candidatesOf({ rows, width, known = [] }: Picture, options: NmsOptions): Candidates {
  const { conf = 0.25, classes: wanted, multiLabel = false, masks = 0 } = options;
  const nc = width - 5 - masks;
  const several = multiLabel && nc > 1;
  const limit = Math.fround(conf);
  const sure = rowsOver(rows, width, limit);
  const least = sure.length * (several ? nc : 1) + known.length / 5;
  const out = { scores: new Float32Array(least), classes: new Float32Array(least), rows: new Uint32Array(least) };
  const allowed = wanted && new Set(wanted);
  let n = 0;
  const take = (row: number, c: number, score: number) => {
    if (allowed && !allowed.has(c)) return;
    out.scores[n] = score;
    out.classes[n] = c;
    out.rows[n++] = row;
  };
  for (const row of sure) {
    const first = row * width + 5;
    const objectness = rows[first - 1];
    let best = 0;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < nc; c++) {
      const score = Math.fround(rows[first + c] * objectness);
      if (several) {
        if (score > limit) take(row, c, score);
      } else if (score > bestScore) {
        best = c;
        bestScore = score;
      }
    }
    if (!several && bestScore > limit) take(row, best, bestScore);
  }
  if (limit < 1) for (let k = 0; k < known.length / 5; k++) take(rows.length / width + k, known[5 * k], 1);
  return { scores: out.scores.subarray(0, n), classes: out.classes.subarray(0, n), rows: out.rows.subarray(0, n) };
}

function rowsOver(rows: Float32Array, width: number, limit: number): Uint32Array {
  const found = new Uint32Array(rows.length / width);
  let n = 0;
  for (let row = 0; row < found.length; row++) if (rows[row * width + 4] > limit) found[n++] = row;
  return found.subarray(0, n);
}

// x1, y1, x2, y2 of candidates in an order
function cornersOf({ rows, width, known = [] }: Picture, order: Uint32Array, rowOf: Uint32Array): Float32Array {
  const corners = new Float32Array(4 * order.length);
  const count = rows.length / width;
  order.forEach((candidate, i) => {
    const row = rowOf[candidate];
    const from = row < count ? rows : known;
    const at = row < count ? row * width : (row - count) * 5 + 1;
    const [halfWidth, halfHeight] = [from[at + 2] / 2, from[at + 3] / 2];
    corners[4 * i] = from[at] - halfWidth;
    corners[4 * i + 1] = from[at + 1] - halfHeight;
    corners[4 * i + 2] = from[at] + halfWidth;
    corners[4 * i + 3] = from[at + 1] + halfHeight;
  });
  return corners;
}

const shifted = (boxes: Float32Array, classes: Float32Array) =>
  boxes.map((x, i) => x + Math.fround(classes[i >> 2] * classOffset));

// Which of the boxes stay: each drops those after it that overlap it too much. Every step is rounded to 32 bits, since far from
// zero, where the offset puts high classes, the rounding decides between close pairs.
function greedy(boxes: Float32Array, { iou, most }: { iou: number; most: number }): number[] {
  const { fround, min, max } = Math;
  const kept: number[] = [];
  const corners = new Float32Array(4 * Math.min(most, boxes.length / 4));
  const areas = new Float32Array(corners.length / 4);
  for (let i = 0; i < boxes.length / 4 && kept.length < most; i++) {
    const [x1, y1, x2, y2] = [boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]];
    const area = fround(fround(x2 - x1) * fround(y2 - y1));
    let free = true;
    for (let k = 0, c = 0; k < kept.length; k++, c += 4) {
      const w = fround(min(x2, corners[c + 2]) - max(x1, corners[c]));
      if (w <= 0) continue;
      const h = fround(min(y2, corners[c + 3]) - max(y1, corners[c + 1]));
      if (h <= 0) continue;
      const both = fround(w * h);
      if (fround(both / fround(fround(area + areas[k]) - both)) > iou) {
        free = false;
        break;
      }
    }
    if (!free) continue;
    areas[kept.length] = area;
    corners.set(boxes.subarray(4 * i, 4 * i + 4), 4 * kept.length);
    kept.push(i);
  }
  return kept;
}

function check(prediction: Float32Array, [batch, rows, width]: readonly number[], options: NmsOptions): void {
  const { conf = 0.25, iou = 0.45, masks = 0 } = options;
  if (!(conf >= 0 && conf <= 1)) throw new UserError(`conf is ${conf}, expected a number from 0 to 1`);
  if (!(iou >= 0 && iou <= 1)) throw new UserError(`iou is ${iou}, expected a number from 0 to 1`);
  if (prediction.length !== batch * rows * width || width < 6 + masks) {
    throw new Error(
      `nonMaxSuppression: ${prediction.length} numbers and ${masks} masks do not fit [${batch}, ${rows}, ${width}]`,
    );
  }
}
