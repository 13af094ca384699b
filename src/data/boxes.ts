// Boxes are rows of 4 numbers in a Float32Array [n, 4]: corners (xyxy: x1, y1, x2, y2) or centre and size
// (cxcywh). An n at the end of a name (cxcywhn) means fractions of the picture's width and height; else pixels.

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Corners [n, 4] from centres and sizes [n, 4]. */
export function cxcywhToXyxy(boxes: Float32Array): Float32Array {
  return eachBox(boxes, (x, y, w, h) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2]);
}

/** Centres and sizes [n, 4] from corners [n, 4]. */
export function xyxyToCxcywh(boxes: Float32Array): Float32Array {
  return eachBox(boxes, (x1, y1, x2, y2) => [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]);
}

/** Corners in pixels [n, 4] from centres and sizes in fractions of `width` and `height`, moved by the padding. */
export function cxcywhnToXyxy(
  boxes: Float32Array,
  { width, height }: Size,
  { padX = 0, padY = 0 }: { padX?: number; padY?: number } = {},
): Float32Array {
  return eachBox(boxes, (x, y, w, h) => [
    width * (x - w / 2) + padX,
    height * (y - h / 2) + padY,
    width * (x + w / 2) + padX,
    height * (y + h / 2) + padY,
  ]);
}

/** Centres and sizes in fractions [n, 4] from corners in pixels, with `clip` first cut to (width - eps, height - eps). */
export function xyxyToCxcywhn(
  boxes: Float32Array,
  { width, height }: Size,
  { clip = false, eps = 0 }: { clip?: boolean; eps?: number } = {},
): Float32Array {
  const inside = clip ? clipBoxes(boxes, { width: width - eps, height: height - eps }) : boxes;
  return eachBox(inside, (x1, y1, x2, y2) => [
    (x1 + x2) / 2 / width,
    (y1 + y2) / 2 / height,
    (x2 - x1) / width,
    (y2 - y1) / height,
  ]);
}

/** Corners [n, 4] cut to [0, width] and [0, height]. */
export function clipBoxes(boxes: Float32Array, { width, height }: Size): Float32Array {
  return eachBox(boxes, (x1, y1, x2, y2) => [clamp(x1, width), clamp(y1, height), clamp(x2, width), clamp(y2, height)]);
}

/**
 * Corners [n, 4] carried back from a letterboxed picture of size `from` to the original of size `to`, cut to it.
 * Without `ratio` and `pad` the letterbox is taken to be centred and to keep the aspect.
 */
export function scaleBoxes(
  boxes: Float32Array,
  {
    from,
    to,
    ratio = uniformRatio(from, to),
    pad = [(from.width - to.width * ratio[0]) / 2, (from.height - to.height * ratio[1]) / 2],
  }: { from: Size; to: Size; ratio?: readonly [number, number]; pad?: readonly [number, number] },
): Float32Array {
  const scaled = eachBox(boxes, (x1, y1, x2, y2) => [
    (x1 - pad[0]) / ratio[0],
    (y1 - pad[1]) / ratio[1],
    (x2 - pad[0]) / ratio[0],
    (y2 - pad[1]) / ratio[1],
  ]);
  return clipBoxes(scaled, to);
}

/** Intersection over union of every box of `a` (corners [n, 4]) with every box of `b` (corners [m, 4]): [n, m]. */
export function boxIou(a: Float32Array, b: Float32Array, { eps = 1e-7 }: { eps?: number } = {}): Float32Array {
  return allPairs(a, b, (i, j) => {
    const both = intersection(a, i, b, j);
    return both / (area(a, i) + area(b, j) - both + eps);
  });
}

/** Intersection over union of sizes laid on one centre, every row w, h of `a` [n, 2] with every one of `b` [m, 2]: [n, m]. */
export function whIou(a: Float32Array, b: Float32Array, { eps = 1e-7 }: { eps?: number } = {}): Float32Array {
  const [n, m] = [a.length / 2, b.length / 2];
  const iou = new Float32Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const [w1, h1, w2, h2] = [a[2 * i], a[2 * i + 1], b[2 * j], b[2 * j + 1]];
      const both = Math.min(w1, w2) * Math.min(h1, h2);
      iou[i * m + j] = both / (w1 * h1 + w2 * h2 - both + eps);
    }
  }
  return iou;
}

/** How much of each box of `boxes` (corners [n, 4]) the one `box` covers, intersection over that box's area: [n]. */
export function bboxIoa(box: Float32Array, boxes: Float32Array, { eps = 1e-7 }: { eps?: number } = {}): Float32Array {
  return allPairs(box.subarray(0, 4), boxes, (_, j) => intersection(box, 0, boxes, j) / (area(boxes, j) + eps));
}

/** What a box must keep through an augmentation to stay a label. */
export interface CandidateRule {
  /** Width and height must be over this many pixels. */
  minSide?: number;
  /** The longer side over the shorter one must be under this. */
  maxAspect?: number;
  /** Area after over area before must be over this: one number, or one a box. */
  minArea?: number | ArrayLike<number>;
  eps?: number;
}

/** 1 for each box (corners [n, 4] before and after an augmentation) that is still worth a label, else 0: [n]. */
export function boxCandidates(
  before: Float32Array,
  after: Float32Array,
  { minSide = 2, maxAspect = 100, minArea = 0.1, eps = 1e-16 }: CandidateRule = {},
): Uint8Array {
  return Uint8Array.from({ length: after.length / 4 }, (_, i) => {
    const [w, h] = [side(after, i, 0), side(after, i, 1)];
    const kept = (w * h) / (side(before, i, 0) * side(before, i, 1) + eps);
    const aspect = Math.max(w / (h + eps), h / (w + eps));
    const least = typeof minArea === "number" ? minArea : minArea[i];
    return w > minSide && h > minSide && kept > least && aspect < maxAspect ? 1 : 0;
  });
}

const clamp = (x: number, high: number) => Math.min(Math.max(x, 0), high);

function uniformRatio(from: Size, to: Size): readonly [number, number] {
  const gain = Math.min(from.height / to.height, from.width / to.width);
  return [gain, gain];
}

function eachBox(
  boxes: Float32Array,
  map: (a: number, b: number, c: number, d: number) => readonly [number, number, number, number],
): Float32Array {
  const out = new Float32Array(boxes.length);
  for (let i = 0; i < boxes.length; i += 4) out.set(map(boxes[i], boxes[i + 1], boxes[i + 2], boxes[i + 3]), i);
  return out;
}

function allPairs(a: Float32Array, b: Float32Array, value: (i: number, j: number) => number): Float32Array {
  const [n, m] = [a.length / 4, b.length / 4];
  const out = new Float32Array(n * m);
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) out[i * m + j] = value(i, j);
  return out;
}

const side = (boxes: Float32Array, i: number, axis: 0 | 1) => boxes[4 * i + 2 + axis] - boxes[4 * i + axis];

const area = (boxes: Float32Array, i: number) => side(boxes, i, 0) * side(boxes, i, 1);

function intersection(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const w = Math.min(a[4 * i + 2], b[4 * j + 2]) - Math.max(a[4 * i], b[4 * j]);
  const h = Math.min(a[4 * i + 3], b[4 * j + 3]) - Math.max(a[4 * i + 1], b[4 * j + 1]);
  return Math.max(w, 0) * Math.max(h, 0);
}
