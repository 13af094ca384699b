import { apply1, type Op, ShapeError } from "../op.js";
import { type Attrs, axisOf, type Tensor } from "../tensor.js";

/** What real numbers become in 8 bits: q = saturate(round(x / scale) + zero), x = (q - zero) * scale. */
export interface Levels {
  /** float32: [] for the whole tensor, [n] for each entry along an axis. */
  readonly scale: Tensor;
  /** The level that stands for 0, shape as the scale; its type is the type of the levels. */
  readonly zero: Tensor;
}

const quantizeLinearOp: Op = {
  name: "QuantizeLinear",
  infer: (inputs, attrs) => {
    const [x, , zero] = inputs;
    if (zero.dtype !== "uint8" && zero.dtype !== "int8")
      throw new ShapeError("QuantizeLinear", inputs, "levels of 8 bits");
    checkLevels("QuantizeLinear", inputs, attrs);
    return [{ dtype: zero.dtype, shape: x.shape }];
  },
  onnx: ({ attrs: { axis } }) => ({ type: "QuantizeLinear", attributes: { axis } }),
};

/** Real numbers as levels uint8 or int8, rounded to nearest even and saturated. No gradient. */
export const quantizeLinear = (x: Tensor, { scale, zero }: Levels, axis = 1): Tensor =>
  apply1(quantizeLinearOp, [x, scale, zero], along(scale, axis, x));

const dequantizeLinearOp: Op = {
  name: "DequantizeLinear",
  infer: (inputs, attrs) => {
    const [x, scale, zero] = inputs;
    if (x.dtype !== zero.dtype)
      throw new ShapeError("DequantizeLinear", inputs, "the zero level needs the levels' type");
    checkLevels("DequantizeLinear", inputs, attrs);
    return [{ dtype: scale.dtype, shape: x.shape }];
  },
  onnx: ({ attrs: { axis } }) => ({ type: "DequantizeLinear", attributes: { axis } }),
};

/** Levels (uint8, int8, int32) as the real numbers they stand for. No gradient. */
export const dequantizeLinear = (x: Tensor, { scale, zero }: Levels, axis = 1): Tensor =>
  apply1(dequantizeLinearOp, [x, scale, zero], along(scale, axis, x));

// One scale for everything has no axis.
const along = (scale: Tensor, axis: number, x: Tensor): Attrs =>
  scale.shape.length === 0 ? {} : { axis: axisOf(axis, x.shape.length) };

function checkLevels(name: string, inputs: readonly Tensor[], { axis }: Attrs): void {
  const [x, scale, zero] = inputs;
  const due = axis === undefined ? [] : [x.shape[axis as number]];
  if ([scale, zero].some(({ shape }) => shape.join() !== due.join()))
    throw new ShapeError(name, inputs, `scale and zero of shape [${due}] expected`);
}

export { dequantizeLinearOp, quantizeLinearOp };
