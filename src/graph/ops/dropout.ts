import { apply1, type Op } from "../op.js";
import type { Shape, Tensor } from "../tensor.js";

/**
 * Random zeroing, whole: `inference` takes it out, `training` feeds it a mask. `attrs.rate` is the share that is dropped,
 * `attrs.mask` the mask's shape, which broadcasts against x.
 */
export const dropoutOp: Op = {
  name: "Dropout",
  infer: ([x]) => [x],
};

/** x with a share `rate` of its numbers set to 0 and the others divided by 1 - rate, while training. */
export const dropout = (x: Tensor, rate: number): Tensor =>
  rate === 0 ? x : apply1(dropoutOp, [x], { rate, mask: x.shape });

/** The same for whole samples: stochastic depth, one draw for each entry of the first axis. */
export const dropPath = (x: Tensor, rate: number): Tensor => {
  const mask: Shape = [x.shape[0], ...x.shape.slice(1).map(() => 1)];
  return rate === 0 ? x : apply1(dropoutOp, [x], { rate, mask });
};
