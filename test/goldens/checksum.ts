import { type HostArray, toFloat64 } from "swinyolo/graph";
import type { Plain } from "./cases.js";

/** Sums that stand for a tensor, as in the fixtures; with `values` for a tensor of whole numbers. */
export function checksum(array: HostArray): { [key: string]: Plain } {
  const v = toFloat64(array);
  const n = v.length;
  if (!isFloat(array)) return { n, shape: [...array.shape], values: Array.from(v) };
  let [sum, absolute, cosine, min, max] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < n; i++) {
    sum += v[i];
    absolute += Math.abs(v[i]);
    cosine += v[i] * Math.cos(0.37 * i);
    min = Math.min(min, v[i]);
    max = Math.max(max, v[i]);
  }
  const first = Array.from(v.subarray(0, 8));
  return { n, shape: [...array.shape], mean: sum / n, abs_mean: absolute / n, min, max, cos_sum: cosine, first };
}

/** Whether a tensor is of a floating type. */
export const isFloat = ({ dtype }: HostArray): boolean => dtype.includes("float");
