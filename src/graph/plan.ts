import { type Graph, lower, nodes, readers } from "./graph.js";
import { bytesOf, type Node, type Tensor } from "./tensor.js";

/** How much memory a graph takes while it runs, in bytes. */
export interface MemoryPlan {
  /** Largest sum of values alive at once, without inputs and constants. */
  readonly activations: number;
  readonly inputs: number;
  readonly constants: number;
  /** The node at whose time the peak is reached. */
  readonly peakAt: string;
}

/** Liveness: every value lives from the node that makes it to the last that reads it; nodes run in the order they were made. */
export function planMemory(g: Graph): MemoryPlan {
  const lowered = lower(g);
  const order = nodes(lowered);
  const place = new Map(order.map((node, i) => [node, i]));
  const owner = (tensor: Tensor): Tensor =>
    tensor.node && isView(tensor.node) ? owner(tensor.node.inputs[0]) : tensor;
  const last = new Map<Tensor, number>();
  for (const [tensor, users] of readers(lowered)) {
    const until = Math.max(...users.map((user) => (user ? place.get(user)! : order.length)));
    const own = owner(tensor);
    last.set(own, Math.max(last.get(own) ?? 0, until));
  }
  const dying: Tensor[][] = order.map(() => []);
  for (const [tensor, until] of last) if (tensor.node && until < order.length) dying[until].push(tensor);
  let [alive, peak, peakAt] = [0, 0, ""];
  order.forEach((node, i) => {
    for (const output of node.outputs) if (owner(output) === output) alive += bytesOf(output);
    if (alive > peak) [peak, peakAt] = [alive, `${node.op.name}_${node.id}`];
    for (const tensor of dying[i]) alive -= bytesOf(tensor);
    for (const output of node.outputs) if (owner(output) === output && !last.has(output)) alive -= bytesOf(output);
  });
  const constants = new Set(order.flatMap((node) => node.inputs.filter((input) => input.value)));
  return {
    activations: peak,
    inputs: [...lowered.inputs.values()].reduce((n, tensor) => n + bytesOf(tensor), 0),
    constants: [...constants].reduce((n, tensor) => n + bytesOf(tensor), 0),
    peakAt,
  };
}

/** Whether a node's output is its input's memory seen in another shape: its longer axes keep their order. */
export function isView({ op, inputs, attrs }: Node): boolean {
  if (op.name !== "Transpose") return op.name === "Reshape" || op.name === "Identity";
  const moved = (attrs.perm as readonly number[]).filter((axis) => inputs[0].shape[axis] > 1);
  return moved.every((axis, i) => i === 0 || moved[i - 1] < axis);
}
