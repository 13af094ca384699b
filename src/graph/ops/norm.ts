import { apply, apply1, type Op } from "../op.js";
import { scalar, type Tensor } from "../tensor.js";
import { add, div, mul, sqrt, sub } from "./elementwise.js";
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

/** How many numbers a channel's statistics are taken over. */
export const placesOf = (x: Tensor): number => x.shape.reduce((n, d, i) => (i === 1 ? n : n * d), 1);

// Over the batch and all places of [b, c, ...] -> [1, c, 1, ...], which broadcasts as it is.
const meanPlaces = (x: Tensor): Tensor =>
  reduceMean(x, { axes: x.shape.map((_, i) => i).filter((i) => i !== 1), keepDims: true });
function dotPlaces(a: Tensor, b: Tensor): Tensor {
  const each = dotRows(a, b, [a.shape[0], a.shape[1], ...a.shape.slice(2).map(() => 1)]);
  return a.shape[0] === 1 ? each : reduceSum(each, { axes: [0], keepDims: true });
}

/**
 * Batch normalisation by the batch's own statistics, whole, so that `inference` can exchange them for running ones.
 * Inputs x [b, c, ...], weight, bias, running mean, running variance [c]; outputs y, mean, variance (biased) of the batch
 * [1, c, 1, ...].
 */
export const batchNormOp: Op = {
  name: "BatchNorm",
  infer: ([x]) => {
    const channels = { dtype: "float32" as const, shape: x.shape.map((d, i) => (i === 1 ? d : 1)) };
    return [x, channels, channels];
  },
  // y = (x - mean) * scale + bias, scale = weight / deviation
  expand: ({ inputs: [x, weight, bias], attrs }) => {
    const mean = meanPlaces(x);
    const centred = sub(x, mean);
    const variance = mul(dotPlaces(centred, centred), scalar(1 / placesOf(x)));
    const scale = div(perChannel(weight, x), deviation(variance, attrs.epsilon as number));
    return [add(mul(centred, scale), perChannel(bias, x)), mean, variance];
  },
  remake: ({ inputs: [x, weight, bias], attrs, outputs: [, mean, variance] }, nothing) => {
    const scale = div(perChannel(weight, x), deviation(variance, attrs.epsilon as number));
    return add(mul(sub(x, mean), add(scale, nothing)), perChannel(bias, x));
  },
  // dx = ((dy - mean(dy)) - (x - mean) * mean(dy * (x - mean)) / deviation^2) * scale
  vjp: ([dy], { inputs: [x, weight, bias], attrs, outputs: [, mean, variance] }) => {
    if (!dy) return [];
    const n = placesOf(x);
    const [centred, spread] = [sub(x, mean), deviation(variance, attrs.epsilon as number)];
    const [meanDy, dWeight] = [meanPlaces(dy), div(dotPlaces(dy, centred), spread)];
    const along = mul(centred, mul(div(dWeight, spread), scalar(1 / n)));
    const dx = mul(sub(sub(dy, meanDy), along), div(perChannel(weight, x), spread));
    return [dx, reshape(dWeight, weight.shape), reshape(mul(meanDy, scalar(n)), bias.shape)];
  },
};

/** sqrt(variance + epsilon) */
export const deviation = (variance: Tensor, epsilon: number): Tensor => sqrt(add(variance, scalar(epsilon)));

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
