import { apply1, type Op } from "../op.js";
import { scalar, type Tensor } from "../tensor.js";
import { add, clamp, div, erf, mul, one, sigmoid, softplus, sub, tanh } from "./elementwise.js";
import { laterRead } from "./laterRead.js";

const siluOp: Op = {
  name: "SiLU",
  cheap: true,
  infer: ([x]) => [x],
  expand: ({ inputs: [x] }) => [mul(x, sigmoid(x))],
  // dx = dy * (s + y * (1 - s)), s = sigmoid(x)
  vjp: ([dy], { inputs: [x], outputs: [y] }) => {
    if (!dy) return [undefined];
    const s = sigmoid(laterRead(x, dy));
    return [mul(dy, add(s, mul(y, sub(one, s))))];
  },
};

/** x * sigmoid(x) */
export const silu = (x: Tensor): Tensor => apply1(siluOp, [x]);

/** x * Phi(x), exact (erf) form. */
export const gelu = (x: Tensor): Tensor => mul(mul(x, scalar(0.5)), add(one, erf(div(x, scalar(Math.SQRT2)))));

/** x * clamp(x + 3, 0, 6) / 6 */
export const hardSwish = (x: Tensor): Tensor => mul(x, div(clamp(add(x, scalar(3)), 0, 6), scalar(6)));

/** x * tanh(softplus(x)) */
export const mish = (x: Tensor): Tensor => mul(x, tanh(softplus(x)));

export { siluOp };
