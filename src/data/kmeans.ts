import type { Rng } from "./rng.js";

/** The best of 30 k-means clusterings of sizes [n, 2] from random starts: centres [count, 2], from small to large area. */
export function kmeansAnchors(
  wh: Float32Array,
  count: number,
  { imgsz = 640, restarts = 30, rng }: { imgsz?: number; restarts?: number; rng: Rng },
): Float32Array {
  let best: Clusters | undefined;
  for (let k = 0; k < restarts && wh.length >= 2 * count; k++) {
    const clusters = lloyd(wh, pickRows(wh, count, rng));
    if (clusters.anchors.length < 2 * count) continue;
    if (!best || clusters.meanDistortion < best.meanDistortion) best = clusters;
  }
  const anchors = best?.anchors ?? anySizes(count, imgsz, rng);
  return sortByArea(anchors);
}

/** Centres [k, 2] in pixels, and the mean distance to the nearest one in units of the sizes' standard deviations. */
export interface Clusters {
  readonly anchors: Float64Array;
  readonly meanDistortion: number;
}

/**
 * Lloyd's iteration on sizes [n, 2] divided by their standard deviations, from centres `start` [k, 2] until the mean
 * distance falls by no more than `thresh`. It may also rise, as squared distances are what Lloyd makes smaller; then
 * that was the last step, too. A centre that no size is nearest to is dropped.
 */
export function lloyd(wh: ArrayLike<number>, start: ArrayLike<number>, { thresh = 1e-5 } = {}): Clusters {
  const deviation = [0, 1].map((axis) => standardDeviation(wh, axis) || 1);
  const points = Float64Array.from(wh, (x, i) => x / deviation[i % 2]);
  let centres = Float64Array.from(start, (x, i) => x / deviation[i % 2]);
  let meanDistortion = Infinity;
  for (let fall = Infinity; fall > thresh; ) {
    const step = assign(points, centres);
    fall = meanDistortion - step.meanDistortion;
    [centres, meanDistortion] = [step.centres, step.meanDistortion];
  }
  return { anchors: centres.map((x, i) => x * deviation[i % 2]), meanDistortion };
}

/**
 * Anchors [k, 2] after `generations` mutations, each kept only if `fitness` grows. A mutation multiplies most of the
 * numbers by factors near 1, between 0.3 and 3; no side gets under 2 pixels.
 */
export function evolveAnchors(
  start: Float32Array,
  fitness: (anchors: Float32Array) => number,
  { generations, rng }: { generations: number; rng: Rng },
): Float32Array {
  let [best, most] = [start, fitness(start)];
  for (let k = 0; k < generations; k++) {
    const factors = mutation(start.length, rng);
    const mutant = best.map((x, i) => Math.max(x * factors[i], 2));
    const value = fitness(mutant);
    if (value > most) [best, most] = [mutant, value];
  }
  return best;
}

function mutation(length: number, rng: Rng): number[] {
  for (;;) {
    const strength = rng.next();
    const factors = Array.from({ length }, () => {
      const factor = (rng.next() < 0.9 ? strength * rng.normal() * 0.1 : 0) + 1;
      return Math.min(Math.max(factor, 0.3), 3);
    });
    if (factors.some((factor) => factor !== 1)) return factors;
  }
}

// One step of Lloyd: every point to its nearest centre, every centre to the mean of its points.
function assign(
  points: Float64Array,
  centres: Float64Array,
): { centres: Float64Array<ArrayBuffer>; meanDistortion: number } {
  const [sums, counts] = [new Float64Array(centres.length), new Int32Array(centres.length / 2)];
  let total = 0;
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i];
    const y = points[i + 1];
    let nearest = 0;
    let least = Infinity;
    for (let k = 0; k < centres.length; k += 2) {
      const dx = x - centres[k];
      const dy = y - centres[k + 1];
      const distance = dx * dx + dy * dy;
      if (distance < least) {
        least = distance;
        nearest = k;
      }
    }
    total += Math.sqrt(least);
    sums[nearest] += x;
    sums[nearest + 1] += y;
    counts[nearest >> 1]++;
  }
  const moved = sums.map((sum, i) => sum / counts[i >> 1]).filter((_, i) => counts[i >> 1] > 0);
  return { centres: moved, meanDistortion: total / (points.length / 2) };
}

function standardDeviation(wh: ArrayLike<number>, axis: number): number {
  const count = wh.length / 2;
  let [sum, squares] = [0, 0];
  for (let i = axis; i < wh.length; i += 2) sum += wh[i];
  for (let i = axis; i < wh.length; i += 2) squares += (wh[i] - sum / count) ** 2;
  return Math.sqrt(squares / count);
}

function pickRows(wh: Float32Array, count: number, rng: Rng): Float32Array {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(rng.int(wh.length / 2));
  return Float32Array.from([...chosen].flatMap((row) => [wh[2 * row], wh[2 * row + 1]]));
}

// Where no clustering gave enough centres.
function anySizes(count: number, imgsz: number, rng: Rng): Float64Array {
  return Float64Array.from({ length: 2 * count }, () => rng.next() * imgsz).sort();
}

/** Rows of width and height [n, 2] from small to large area. */
export function sortByArea(wh: ArrayLike<number>): Float32Array {
  const rows = Array.from({ length: wh.length / 2 }, (_, i) => [wh[2 * i], wh[2 * i + 1]]);
  return Float32Array.from(rows.sort((a, b) => a[0] * a[1] - b[0] * b[1]).flat());
}
