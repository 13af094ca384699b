import { UserError } from "../../../errors/index.js";

/** A mask as run lengths, column by column, zeros first; `counts` as numbers or as COCO's compressed text. */
export interface Rle {
  readonly size: readonly [height: number, width: number];
  readonly counts: string | readonly number[];
}

/** Run lengths as numbers. */
export const countsOf = ({ counts }: Rle): readonly number[] =>
  typeof counts === "string" ? decompress(counts) : counts;

// Groups of 5 bits, lowest first, plus 32 while more follow, plus 48 as a character; bit 16 of the last group is the sign;
// from the fourth number on the difference to the one two before.
function decompress(text: string): number[] {
  const counts: number[] = [];
  let at = 0;
  while (at < text.length) {
    let value = 0;
    let shift = 0;
    let group: number;
    do {
      group = text.charCodeAt(at++) - 48;
      if (!(group >= 0 && group < 64) || shift > 50) throw new UserError("segmentation: damaged run lengths");
      value += (group & 31) * 2 ** shift;
      shift += 5;
    } while (group & 32 && at < text.length);
    if (group & 16) value -= 2 ** shift;
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}

/** How many pixels are set. */
export const rleArea = (rle: Rle): number => countsOf(rle).reduce((sum, n, i) => sum + (i % 2 === 1 ? n : 0), 0);

/** How many pixels are set in both. */
export function rleIntersection(a: readonly number[], b: readonly number[]): number {
  let [i, j, sum] = [0, 0, 0];
  let [endA, endB, at] = [a[0] ?? 0, b[0] ?? 0, 0];
  while (i < a.length && j < b.length) {
    const end = Math.min(endA, endB);
    if (i % 2 === 1 && j % 2 === 1) sum += end - at;
    at = end;
    if (endA === end) endA += a[++i] ?? 0;
    if (endB === end) endB += b[++j] ?? 0;
  }
  return sum;
}
