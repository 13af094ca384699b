import { nodesOf } from "./graph.js";
import { add } from "./ops/elementwise.js";
import { full } from "./ops/shape.js";
import type { Node, Tensor } from "./tensor.js";

/**
 * Reverse-mode gradients of `y` (or of the sum of several, each weighted by its `seeds` entry) for every tensor of `wrt`;
 * zeros where y does not depend on one.
 * @throws Error when an operator on the way has no gradient.
 */
export function grad(y: Tensor | readonly Tensor[], wrt: readonly Tensor[], seeds?: readonly Tensor[]): Tensor[] {
  const ys: readonly Tensor[] = Array.isArray(y) ? y : [y as Tensor];
  const gradients = new Map<Tensor, Tensor>();
  const collect = (tensor: Tensor, dy: Tensor) => {
    const sum = gradients.get(tensor);
    gradients.set(tensor, sum ? add(sum, dy) : dy);
  };
  ys.forEach((tensor, i) => {
    collect(tensor, seeds?.[i] ?? full(tensor.shape, 1));
  });
  const order = nodesOf(ys);
  const wanted = new Set(wrt);
  const relevant = dependents(order, wanted);
  for (const node of order.reverse()) {
    if (!relevant.has(node)) continue;
    const dys = node.outputs.map((output) => gradients.get(output));
    if (dys.every((dy) => dy === undefined)) continue;
    if (!node.op.vjp) {
      // Types without a gradient (comparisons, casts to whole numbers) end the way back.
      if (node.outputs.every(({ dtype }) => dtype !== "float32")) continue;
      throw new Error(`${node.op.name} has no gradient`);
    }
    node.op.vjp(dys, node).forEach((dx, i) => {
      if (dx && (relevant.has(node.inputs[i].node) || wanted.has(node.inputs[i]))) collect(node.inputs[i], dx);
    });
  }
  return wrt.map((tensor) => gradients.get(tensor) ?? full(tensor.shape, 0));
}

// The nodes from which the way leads to one of `wrt`.
function dependents(order: readonly Node[], wanted: ReadonlySet<Tensor>): Set<Node | undefined> {
  const found = new Set<Node | undefined>();
  for (const node of order) {
    if (
      node.inputs.some((x) => wanted.has(x) || (x.node && found.has(x.node))) ||
      node.outputs.some((x) => wanted.has(x))
    ) {
      found.add(node);
    }
  }
  return found;
}
