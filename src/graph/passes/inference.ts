import { type Graph, nodes, readers, rewrite } from "../graph.js";
import { type ConvAttrs, conv, convOp } from "../ops/conv.js";
import { dropoutOp } from "../ops/dropout.js";
import { add, div, mul, sub } from "../ops/elementwise.js";
import { affine, batchNormOp, deviation, placesOf } from "../ops/norm.js";
import { reshape } from "../ops/shape.js";
import { input, type Node, type Shape, type Tensor } from "../tensor.js";

/**
 * The graph as it is used, not trained: batch normalisation by running statistics, folded into the convolution before it
 * where there is one, and no dropout. What depends on parameters alone stays in the graph for `bake` to compute once.
 */
export const inference = (g: Graph): Graph => useRunningStatistics(foldBatchNorm(g).graph);

/** Batch normalisation by running statistics, dropout taken out; nothing folded. */
export function useRunningStatistics(g: Graph): Graph {
  return rewrite(g, (node, inputs) => {
    if (node.op === dropoutOp) return [inputs[0]];
    if (node.op !== batchNormOp) return undefined;
    const { scale, shift } = runningAffine(node, inputs);
    return [affine(inputs[0], scale, shift), inputs[3], inputs[4]];
  });
}

// Normalising by running statistics is x * scale + shift.
function runningAffine({ attrs }: Node, [, weight, bias, mean, variance]: readonly Tensor[]) {
  const scale = div(weight, deviation(variance, attrs.epsilon as number));
  return { scale, shift: sub(bias, mul(mean, scale)) };
}

/**
 * Convolution and batch normalisation as one convolution. `folded` has the new kernels and biases under the names they
 * have in a fused PyTorch model (`NAME.conv.weight`, `NAME.conv.bias`).
 */
export function foldBatchNorm(g: Graph): { graph: Graph; folded: Map<string, Tensor> } {
  const users = readers(g);
  const names = new Map([...g.inputs].map(([name, tensor]) => [tensor, name]));
  const folded = new Map<string, Tensor>();
  const alone = (x: Tensor) => x.node?.op === convOp && users.get(x)?.length === 1;
  const result = rewrite(g, (node, inputs) => {
    if (node.op !== batchNormOp || !alone(node.inputs[0])) return undefined;
    const convolution = inputs[0].node as Node;
    const [x, kernel, bias] = convolution.inputs;
    const { scale, shift } = runningAffine(node, inputs);
    const weight = mul(kernel, reshape(scale, [-1, 1, 1, 1]));
    const newBias = bias ? add(mul(bias, scale), shift) : shift;
    const name = names.get(kernel);
    if (name) folded.set(name, weight).set(name.replace(/weight$/, "bias"), newBias);
    return [conv(x, weight, { ...(convolution.attrs as unknown as ConvAttrs), bias: newBias }), inputs[3], inputs[4]];
  });
  return { graph: result, folded };
}

/** A mask that a training step is fed: numbers 0 (dropped, with probability `rate`) or 1 / (1 - rate). */
export interface DropoutMask {
  readonly name: string;
  readonly shape: Shape;
  readonly rate: number;
}

/** The graph as it is trained: every dropout multiplies by a mask that becomes an input `dropout.0`, `dropout.1`, ... */
export function withDropoutMasks(g: Graph): { graph: Graph; masks: DropoutMask[] } {
  const masks: DropoutMask[] = [];
  const placeholders = new Map<string, Tensor>();
  const replace = (node: Node, inputs: readonly Tensor[]) => {
    if (node.op !== dropoutOp) return undefined;
    const mask = { name: `dropout.${masks.length}`, shape: node.attrs.mask as Shape, rate: node.attrs.rate as number };
    masks.push(mask);
    const placeholder = input(mask.shape, { label: mask.name });
    placeholders.set(mask.name, placeholder);
    return [mul(inputs[0], placeholder)];
  };
  return { graph: rewrite(g, replace, { added: placeholders }), masks };
}

/** What a batch says of a running statistic: it becomes `keep` * old + `take` * now. */
export interface BatchStatistic {
  /** [1, c, 1, ...] */
  readonly now: Tensor;
  readonly keep: number;
  readonly take: number;
}

/** The statistics that batch normalisation takes of a batch, by the names of the running ones among the graph's inputs. */
export function batchStatistics(g: Graph): Map<string, BatchStatistic> {
  const names = new Map([...g.inputs].map(([name, tensor]) => [tensor, name]));
  const statistics = new Map<string, BatchStatistic>();
  for (const node of nodes(g)) {
    if (node.op !== batchNormOp) continue;
    const [x, , , mean, variance] = node.inputs;
    const n = placesOf(x);
    const momentum = node.attrs.momentum as number;
    statistics.set(nameOf(names, mean), { now: node.outputs[1], keep: 1 - momentum, take: momentum });
    // The running variance is unbiased.
    const take = momentum * (n / Math.max(n - 1, 1));
    statistics.set(nameOf(names, variance), { now: node.outputs[2], keep: 1 - momentum, take });
  }
  return statistics;
}

function nameOf(names: ReadonlyMap<Tensor, string>, tensor: Tensor): string {
  const name = names.get(tensor);
  if (name === undefined) throw new Error("running statistics must be inputs of the graph");
  return name;
}
