import { apply, apply1, type Op } from "../op.js";
import { scalar, type Tensor } from "../tensor.js";
import { add, div, mul, neg, reciprocal, sqrt, sub } from "./elementwise.js";
import { dotRows } from "./matrix.js";
import { reduceMean, reduceSum } from "./reduce.js";
import { reshape } from "./shape.js";

const softmaxOp: Op = {
  name: "Softmax",
  infer: ([x]) => [x],
  // dx = y * (dy - sum(dy * y))
  vjp: ([dy], { outputs: [y] }) => [dy && mul(y, sub(dy, reduceSum(mul(dy, y), { axes: [-1], keepDims: true })))],
  onnx: () => ({ type: "Softmax", attributes: { axis: -1 } }),
};

/** exp(x) / sum(exp(x)) over the last axis. */
export const softmax = (x: Tensor): Tensor => apply1(softmaxOp, [x]);

const layerNormOp: Op = {
  name: "LayerNormalization",
  infer: ([x]) => {
    const rows = [...x.shape.slice(0, -1), 1];
    return [x, { dtype: "float32", shape: rows }, { dtype: "float32", shape: rows }];
  },
  vjp: ([dy], { inputs: [x, weight], outputs: [, mean, inverse] }) => {
    if (!dy) return [undefined, undefined, undefined];
    const lead = x.shape.slice(0, -1).map((_, i) => i);
    const hat = mul(sub(x, mean), inverse);
    const dhat = mul(dy, weight);
    const centred = sub(dhat, reduceMean(dhat, { axes: [-1], keepDims: true }));
    const along = mul(hat, reduceMean(mul(dhat, hat), { axes: [-1], keepDims: true }));
    return [mul(sub(centred, along), inverse), reduceSum(mul(dy, hat), { axes: lead }), reduceSum(dy, { axes: lead })];
  },
  onnx: ({ attrs: { epsilon } }) => ({ type: "LayerNormalization", attributes: { axis: -1, epsilon } }),
};

/** Mean 0 and variance 1 over the last axis, then scaled and shifted: weight, bias [c]. */
export const layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, { epsilon = 1e-5 } = {}): Tensor =>
  apply(layerNormOp, [x, weight, bias], { epsilon })[0];

/** Vectors of the channels in the form that broadcasts against x [b, c, ...]. */
export const perChannel = (v: Tensor, x: Tensor): Tensor => reshape(v, [v.shape[0], ...x.shape.slice(2).map(() => 1)]);

// Sums over the batch and all places of [b, c, ...] -> [c].
const sumPlaces = (x: Tensor): Tensor => reduceSum(reduceSum(places(x), { axes: [2] }), { axes: [0] });
const dotPlaces = (a: Tensor, b: Tensor): Tensor => reduceSum(dotRows(places(a), places(b)), { axes: [0] });
const places = (x: Tensor): Tensor => reshape(x, [x.shape[0], x.shape[1], -1]);

/** How many numbers a channel's statistics are taken over. */
export const placesOf = (x: Tensor): number => x.shape.reduce((n, d, i) => (i === 1 ? n : n * d), 1);

/**
 * Batch normalisation by the batch's own statistics, whole, so that `inference` can exchange them for running ones.
 * Inputs x [b, c, ...], weight, bias, running mean, running variance [c]; outputs y, mean, variance (biased) of the batch.
 */
export const batchNormOp: Op = {
  name: "BatchNorm",
  infer: ([x]) => {
    const channels = { dtype: "float32" as const, shape: [x.shape[1]] };
    return [x, channels, channels];
  },
  // y = x * s + (bias - mean * s), s = weight / sqrt(variance + epsilon)
  expand: ({ inputs: [x, weight, bias], attrs }) => {
    const n = scalar(placesOf(x));
    const mean = div(sumPlaces(x), n);
    const centred = sub(x, perChannel(mean, x));
    const variance = div(dotPlaces(centred, centred), n);
    const scale = mul(weight, inverseDeviation(variance, attrs.epsilon as number));
    return [affine(x, scale, sub(bias, mul(mean, scale))), mean, variance];
  },
  // dx = dy * s + (x * b + d) with vectors of the channels
  vjp: ([dy], { inputs: [x, weight], attrs, outputs: [, mean, variance] }) => {
    if (!dy) return [];
    const inverse = inverseDeviation(variance, attrs.epsilon as number);
    const scale = mul(weight, inverse);
    const dBias = sumPlaces(dy);
    const dWeight = mul(sub(dotPlaces(dy, x), mul(mean, dBias)), inverse);
    const n = scalar(placesOf(x));
    const b = neg(div(mul(mul(scale, inverse), dWeight), n));
    const d = neg(add(div(mul(scale, dBias), n), mul(b, mean)));
    return [add(mul(dy, perChannel(scale, x)), affine(x, b, d)), dWeight, dBias];
  },
};

/** 1 / sqrt(variance + epsilon) */
export const inverseDeviation = (variance: Tensor, epsilon: number): Tensor =>
  reciprocal(sqrt(add(variance, scalar(epsilon))));

/** x * scale + shift with vectors of the channels [c]. */
export const affine = (x: Tensor, scale: Tensor, shift: Tensor): Tensor =>
  add(mul(x, perChannel(scale, x)), perChannel(shift, x));

export interface BatchNormState {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Batch normalisation over [b, c, ...]; YOLOv5's epsilon and momentum. */
export const batchNorm = (x: Tensor, s: BatchNormState, { epsilon = 1e-3, momentum = 0.03 } = {}): Tensor =>
  apply(batchNormOp, [x, s.weight, s.bias, s.mean, s.variance], { epsilon, momentum })[0];

export { layerNormOp, softmaxOp };
