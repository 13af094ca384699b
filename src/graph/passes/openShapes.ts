import { type Graph, lower, nodes, rewrite } from "../graph.js";
import { reshape, reshapeOp } from "../ops/shape.js";
import type { Tensor } from "../tensor.js";

/**
 * The lowered graph with the first axis of some inputs, and of what follows from them, left unsaid in its file: every reshape
 * there says -1 for it. The numbers stay the same, and a run takes less memory: ONNX Runtime keeps the buffer of a dead value
 * for the next one of the same shape, however late that comes, unless it cannot know the shape beforehand.
 */
export function openShapes(g: Graph, inputs: readonly string[]): Graph {
  const lowered = lower(g);
  const open = openTensors(lowered, inputs);
  return rewrite(lowered, ({ op, attrs, inputs: [before] }, [x]) => {
    const shape = attrs.shape as readonly number[];
    if (op !== reshapeOp || !open.has(before) || shape.length === 0) return undefined;
    return [reshape(x, shape, { written: [-1, ...shape.slice(1)] })];
  });
}

/** What rests on some inputs of a lowered graph, those included. */
export function openTensors(lowered: Graph, inputs: readonly string[]): Set<Tensor> {
  const open = new Set<Tensor>(inputs.flatMap((name) => lowered.inputs.get(name) ?? []));
  for (const node of nodes(lowered)) {
    if (node.inputs.some((x) => open.has(x))) for (const output of node.outputs) open.add(output);
  }
  return open;
}
