import { type Graph, graph, lower, nodesOf } from "../graph.js";
import type { Node, Tensor } from "../tensor.js";
import { half } from "./half.js";

/** Which outputs of a training step tell where its network ends and its loss begins. */
export interface Seams {
  /** What the network gives to the loss. */
  readonly network: readonly string[];
  /** The loss's gradients by these. */
  readonly gradients: readonly string[];
}

/**
 * A training step in mixed precision: the network and its way back in float16, inputs and outputs in float32, so that the
 * weights outside are float32 masters. In float32 stay: the loss and its way back, softmax, sums, means and squares (the
 * statistics of norms, the lengths of cosine attention), roots, exponentials (the logit scale), and whatever works with a
 * number that a half cannot hold. The outputs named as seams are left out.
 */
export function mixedPrecision(step: Graph, { network, gradients }: Seams): Graph {
  const whole = lower(step);
  const at = (names: readonly string[]) => names.map((name) => whole.outputs.get(name) as Tensor);
  const ofNetwork = new Set(nodesOf(at(network)));
  const losses = [...whole.outputs].filter(([name]) => !/^(grad|stats)\./.test(name)).map(([, tensor]) => tensor);
  const ofLoss = new Set([...nodesOf(losses), ...nodesOf(at(gradients))].filter((node) => !ofNetwork.has(node)));
  const keep = (node: Node) => ofLoss.has(node) || node.op.name === "Softmax";
  const seams = new Set([...network, ...gradients]);
  const outputs = [...whole.outputs].filter(([name]) => !seams.has(name));
  return half(graph(whole.inputs, new Map(outputs)), { keep });
}
