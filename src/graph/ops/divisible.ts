import { apply1, type Op } from "../op.js";
import type { Tensor } from "../tensor.js";

/** How something may be made part by part. */
export interface Division {
  /** Makes a part of the result from parts of the inputs. */
  readonly body: (...inputs: Tensor[]) => Tensor;
  /** The axis of each input that is cut, and that of the result. */
  readonly axes: readonly number[];
  readonly into: number;
}

/** A mark on a value that `inParts` may make part by part. It computes nothing. */
export const divisibleOp: Op = {
  name: "Divisible",
  infer: ([y]) => [y],
  expand: ({ inputs: [y] }) => [y],
  vjp: ([dy], { inputs }) => inputs.map((_, i) => (i === 0 ? dy : undefined)),
};

/** What `body` makes of the inputs, marked: `inParts` may do it part by part along the given axes. */
export const divisible = (inputs: readonly Tensor[], division: Division): Tensor =>
  apply1(divisibleOp, [division.body(...inputs), ...inputs], { ...division });
