import { type Graph, rewrite } from "../graph.js";
import { boundaryOp } from "../ops/boundary.js";

/** The forward graph with only some of its boundaries, chosen by their number through the graph: larger blocks for `recompute`. */
export function keepBoundaries(g: Graph, keep: (number: number) => boolean): Graph {
  let number = 0;
  return rewrite(g, (node, inputs) => (node.op === boundaryOp && !keep(number++) ? [inputs[0]] : undefined));
}
