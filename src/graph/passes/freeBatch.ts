import { UserError } from "../../errors/index.js";
import { type Graph, nodes, rewrite } from "../graph.js";
import { apply } from "../op.js";
import type { Attrs, Node } from "../tensor.js";

/**
 * The graph `one`, traced with a batch of 1, made free in its batch: shapes that come out otherwise in `two`, the same graph
 * traced with a batch of 2, are left for ONNX to work out.
 * @throws UserError when something else than one size of a reshape depends on the batch.
 */
export function freeBatch(one: Graph, two: Graph): Graph {
  const others = nodes(two);
  const twin = new Map(nodes(one).map((node, i) => [node, others[i]]));
  return rewrite(one, (node, inputs) => {
    const written = writtenShape(node, twin.get(node));
    return written && apply(node.op, inputs, { ...node.attrs, written });
  });
}

function writtenShape(node: Node, other: Node | undefined): number[] | undefined {
  if (!other || other.op.name !== node.op.name)
    throw new UserError("the model's graph changes with the batch, so it cannot be free");
  if (sameAttrs(node.attrs, other.attrs)) return undefined;
  const [shape, there] = [node.attrs.shape as number[], other.attrs.shape as number[]];
  const written = shape?.map((size, i) => (size === there[i] ? size : -1));
  if (node.op.name !== "Reshape" || written.filter((size) => size === -1).length !== 1) {
    throw new UserError(`${node.op.name} depends on the batch, so it cannot be free`);
  }
  return written;
}

// `countedRows` is a note for counting operations and no part of the node that is written.
const sameAttrs = (a: Attrs, b: Attrs): boolean => written(a) === written(b);
const written = (attrs: Attrs): string => JSON.stringify({ ...attrs, countedRows: undefined });
