import { type Graph, nodes, readers } from "../graph.js";
import type { Node } from "../tensor.js";

const heavy = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * The nodes of a lowered graph that no convolution or product reads, directly or not: a detector's decoding, which needs more
 * than 16 or 8 bits for pixels.
 */
export function afterLastLayer(g: Graph): Set<Node> {
  const users = readers(g);
  const found = new Set<Node>();
  for (const node of nodes(g).reverse()) {
    const read = node.outputs.flatMap((x) => users.get(x) ?? []);
    if (!heavy.has(node.op.name) && read.every((reader) => reader === undefined || found.has(reader))) found.add(node);
  }
  return found;
}
