import { apply1, type Op } from "../op.js";
import type { Tensor } from "../tensor.js";

/** A forward value as a rule of gradients reads it, and the gradient that is there by then. Nothing but a mark. */
export const laterReadOp: Op = {
  name: "LaterRead",
  infer: ([x]) => [x],
  vjp: ([dy]) => [dy, undefined],
  expand: ({ inputs: [x] }) => [x],
};

/** x itself, marked as read on the way back once dy is there: `remake` may make it again instead of keeping it. */
export const laterRead = (x: Tensor, dy: Tensor): Tensor => apply1(laterReadOp, [x, dy]);
