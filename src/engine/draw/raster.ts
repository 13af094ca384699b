/** Closed contours as quadratic curves, six numbers each: start, control point, end. */
export type Outline = readonly number[];

/**
 * How much of each pixel [height, width] an outline covers, 0 to 1. The exact signed areas of its edges are summed along the
 * rows, after Raph Levien's font-rs.
 */
export function outlineCoverage(
  outline: Outline,
  { width, height }: { readonly width: number; readonly height: number },
): Float32Array {
  const sums = { width: width + 2, height, areas: new Float32Array((width + 2) * height) };
  for (let i = 0; i < outline.length; i += 6) addCurve(sums, outline, i);
  const coverage = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = 0; x < width; x++) {
      sum += sums.areas[y * sums.width + x];
      coverage[y * width + x] = Math.min(Math.abs(sum), 1);
    }
  }
  return coverage;
}

interface Sums {
  readonly width: number;
  readonly height: number;
  /** Change of the coverage from each pixel to the next. */
  readonly areas: Float32Array;
}

// As many lines as keep within a twentieth of a pixel.
function addCurve(sums: Sums, outline: Outline, i: number): void {
  const [x0, y0, cx, cy, x1, y1] = outline.slice(i, i + 6);
  const bend = Math.hypot(x0 - 2 * cx + x1, y0 - 2 * cy + y1) / 4;
  const steps = Math.max(1, Math.ceil(Math.sqrt(bend / 0.05)));
  let [x, y] = [x0, y0];
  for (let k = 1; k <= steps; k++) {
    const t = k / steps;
    const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t * t];
    const [nextX, nextY] = [a * x0 + b * cx + c * x1, a * y0 + b * cy + c * y1];
    addLine(sums, { x, y }, { x: nextX, y: nextY });
    [x, y] = [nextX, nextY];
  }
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function addLine({ width, height, areas }: Sums, from: Point, to: Point): void {
  if (from.y === to.y) return;
  const [direction, upper, lower] = from.y < to.y ? [1, from, to] : [-1, to, from];
  const slope = (lower.x - upper.x) / (lower.y - upper.y);
  const inside = (x: number) => Math.min(Math.max(x, 0), width - 2);
  const last = Math.min(height, Math.ceil(lower.y));
  for (let row = Math.max(0, Math.floor(upper.y)); row < last; row++) {
    const top = Math.max(row, upper.y);
    const bottom = Math.min(row + 1, lower.y);
    const [xTop, xBottom] = [upper.x + (top - upper.y) * slope, upper.x + (bottom - upper.y) * slope];
    const [left, right] = [inside(Math.min(xTop, xBottom)), inside(Math.max(xTop, xBottom))];
    addRow(areas, row * width, { left, right, weight: direction * (bottom - top) });
  }
}

// One row's piece of an edge: what lies right of it is covered by `weight` more.
function addRow(
  areas: Float32Array,
  start: number,
  { left, right, weight }: { left: number; right: number; weight: number },
): void {
  const first = Math.floor(left);
  const end = Math.ceil(right);
  if (end <= first + 1) {
    const middle = (left + right) / 2 - first;
    areas[start + first] += weight * (1 - middle);
    areas[start + first + 1] += weight * middle;
    return;
  }
  // The covered part of each pixel that the edge crosses, as differences.
  const span = right - left;
  let before = 0;
  for (let x = first; x < end; x++) {
    const [a, b] = [Math.max(left, x), Math.min(right, x + 1)];
    const passed = (b - left) / span;
    const covered = ((b - a) / span) * (x + 1 - (a + b) / 2) + Math.max(0, (a - left) / span);
    areas[start + x] += weight * (covered - before);
    before = covered;
    if (x === end - 1) areas[start + end] += weight * (passed - before);
  }
}
