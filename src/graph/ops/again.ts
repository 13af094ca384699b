import { grad } from "../grad.js";
import { apply1, type Op } from "../op.js";
import { scalar, type Tensor } from "../tensor.js";
import { add, mul } from "./elementwise.js";
import { reshape, slice } from "./shape.js";

type Body = (...inputs: Tensor[]) => Tensor;

/** What a function makes of its inputs, which alone are kept: the way back computes it again. */
export const againOp: Op = {
  name: "Again",
  infer: (inputs, { body }) => [(body as Body)(...inputs)],
  expand: ({ inputs, attrs }) => [(attrs.body as Body)(...inputs)],
  vjp: ([dy], { inputs, attrs }) => {
    if (!dy) return inputs.map(() => undefined);
    const nothing = nothingOf(dy);
    const tied = inputs.map((x) => add(x, nothing));
    return grad((attrs.body as Body)(...tied), tied, [dy]);
  },
};

/**
 * `body(...inputs)`, of which the way back keeps nothing but the inputs (float32, no scalars). All that gets a gradient has to
 * be among them.
 */
export const again = (body: Body, inputs: readonly Tensor[]): Tensor => apply1(againOp, inputs, { body });

/**
 * 0 * dy, shape [1]. What is computed again from x plus this is no common expression with the first time, which ONNX Runtime
 * would merge, and waits for the gradient.
 */
export const nothingOf = (dy: Tensor): Tensor =>
  mul(slice(reshape(dy, [-1]), { axes: [0], starts: [0], ends: [1] }), scalar(0));
