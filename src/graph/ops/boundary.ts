import { apply1, type Op } from "../op.js";
import type { Tensor } from "../tensor.js";

/** The way back over a boundary: the gradient of its output, which is the second input. Nothing but a mark. */
export const boundaryGradientOp: Op = {
  name: "BoundaryGradient",
  infer: ([dy]) => [dy],
  expand: ({ inputs: [dy] }) => [dy],
};

/** A mark where `recompute` may cut: what crosses it is kept for the way back. It computes nothing. */
export const boundaryOp: Op = {
  name: "Boundary",
  infer: ([x]) => [x],
  expand: ({ inputs: [x] }) => [x],
  vjp: ([dy], { outputs: [y] }) => [dy && apply1(boundaryGradientOp, [dy, y])],
};

/** x itself, marked as the border between two blocks for `recompute`. */
export const boundary = (x: Tensor): Tensor => (x.node?.op === boundaryOp ? x : apply1(boundaryOp, [x]));

/** What `fn` makes of x, as a block of its own for `recompute`: both sides marked. */
export const checkpoint = (fn: (x: Tensor) => Tensor, x: Tensor): Tensor => boundary(fn(boundary(x)));
