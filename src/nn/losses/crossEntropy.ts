import {
  exp,
  log,
  mul,
  neg,
  reduceMax,
  reduceMean,
  reduceSum,
  stopGradient,
  sub,
  type Tensor,
} from "../../graph/index.js";

/** log softmax over the last axis. */
export function logSoftmax(x: Tensor): Tensor {
  const axes = [x.shape.length - 1];
  const shifted = sub(x, stopGradient(reduceMax(x, { axes, keepDims: true })));
  return sub(shifted, log(reduceSum(exp(shifted), { axes, keepDims: true })));
}

/** The mean over pictures of -sum(targets * log softmax(logits)); logits and targets (shares of the classes) [b, classes]. */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor =>
  reduceMean(neg(reduceSum(mul(targets, logSoftmax(logits)), { axes: [1] })));
