import { UserError } from "../../../errors/index.js";

/** A mask as run lengths, column by column, zeros first; `counts` as numbers or as COCO's compressed text. */
export interface Rle {
  readonly size: readonly [height: number, width: number];
  readonly counts: string | readonly number[];
}

/** Run lengths of a mask whose set cells [height, width] are not 0, with compressed counts. */
export function maskToRle(
  mask: ArrayLike<number>,
  { width, height }: { readonly width: number; readonly height: number },
): Rle {
  const runs: number[] = [];
  let [set, length] = [false, 0];
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const here = mask[y * width + x] !== 0;
      if (here !== set) {
        runs.push(length);
        [set, length] = [here, 0];
      }
      length++;
    }
  }
  runs.push(length);
  return { size: [height, width], counts: compressRuns(runs) };
}

/** Cells [height, width], 1 where the mask is set. */
export function rleToMask(rle: Rle): Uint8Array {
  const [height, width] = rle.size;
  const mask = new Uint8Array(height * width);
  let at = 0;
  runsOf(rle).forEach((length, i) => {
    if (i % 2 === 1) for (let k = at; k < at + length; k++) mask[(k % height) * width + Math.floor(k / height)] = 1;
    at += length;
  });
  return mask;
}

/** Run lengths as numbers; a UserError where they are damaged or longer than the picture. */
export function runsOf({ counts, size: [height, width] }: Rle): readonly number[] {
  const runs = typeof counts === "string" ? decompressRuns(counts) : counts;
  let total = 0;
  for (const run of runs) {
    if (!(Number.isInteger(run) && run >= 0)) throw new UserError(`segmentation: a run of ${run} pixels`);
    total += run;
  }
  if (!(total <= height * width)) {
    throw new UserError(`segmentation: runs of ${total} pixels in all, its size is ${height} x ${width}`);
  }
  return runs;
}

/**
 * Text from run lengths: each number (from the fourth on its difference to the one two before) in groups of 5 bits, lowest
 * first, plus 32 while more follow, plus 48 as a character; bit 16 of the last group is the sign.
 */
export function compressRuns(runs: readonly number[]): string {
  let text = "";
  runs.forEach((run, i) => {
    let rest = i > 2 ? run - runs[i - 2] : run;
    for (let more = true; more; ) {
      const group = rest & 31;
      rest >>= 5;
      more = group & 16 ? rest !== -1 : rest !== 0;
      text += String.fromCharCode(48 + group + (more ? 32 : 0));
    }
  });
  return text;
}

function decompressRuns(text: string): number[] {
  const runs: number[] = [];
  for (let at = 0; at < text.length; ) {
    let [value, shift, group] = [0, 0, 32];
    while (group & 32) {
      group = text.charCodeAt(at++) - 48; // NaN after the end
      if (!(group >= 0 && group < 64) || shift > 45) throw new UserError("segmentation: damaged run lengths");
      value += (group & 31) * 2 ** shift;
      shift += 5;
    }
    if (group & 16) value -= 2 ** shift;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

/** How many pixels are set. */
export const runsArea = (runs: readonly number[]): number => runs.reduce((sum, n, i) => sum + (i % 2 === 1 ? n : 0), 0);

/** How many pixels are set in both. */
export function runsIntersection(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  sweep(a, b, (length, inA, inB) => {
    if (inA && inB) sum += length;
  });
  return sum;
}

/** Run lengths of what is set in either. */
export function runsUnion(a: readonly number[], b: readonly number[]): number[] {
  const runs = [0];
  sweep(a, b, (length, inA, inB) => {
    if ((inA || inB) === (runs.length % 2 === 0)) runs[runs.length - 1] += length;
    else runs.push(length);
  });
  return runs;
}

/** x, y, width, height of what is set; zeros where nothing is. */
export function runsBox(runs: readonly number[], height: number): [number, number, number, number] {
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, height, 0, 0];
  let at = 0;
  runs.forEach((length, i) => {
    if (i % 2 === 1 && length > 0) {
      const [first, last] = [at, at + length - 1];
      const [from, to] = [Math.floor(first / height), Math.floor(last / height)];
      left = Math.min(left, from);
      right = Math.max(right, to);
      // A run that goes on in the next column touches both edges.
      top = from < to ? 0 : Math.min(top, first % height);
      bottom = from < to ? height - 1 : Math.max(bottom, last % height);
    }
    at += length;
  });
  return left > right ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

// Calls `visit` for each stretch in which neither mask changes; what a mask leaves out at its end is not set.
function sweep(
  a: readonly number[],
  b: readonly number[],
  visit: (length: number, inA: boolean, inB: boolean) => void,
): void {
  let [i, j] = [0, 0];
  let [restA, restB] = [a[0] ?? 0, b[0] ?? 0];
  while (i < a.length || j < b.length) {
    const length = i >= a.length ? restB : j >= b.length ? restA : Math.min(restA, restB);
    if (length > 0) visit(length, i < a.length && i % 2 === 1, j < b.length && j % 2 === 1);
    if (i < a.length && (restA -= length) === 0) restA = a[++i] ?? 0;
    if (j < b.length && (restB -= length) === 0) restB = b[++j] ?? 0;
  }
}
