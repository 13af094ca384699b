import { type Graph, nodes } from "./graph.js";
import type { Node } from "./tensor.js";

/**
 * Nodes in the order of a file. ONNX Runtime runs what the last node of the file rests on first, then that of the one before,
 * and so on. Nodes that nobody reads (a gradient that is only handed out) therefore stand at the end, the first made last: each
 * is then run as soon as it can be, instead of keeping what it needs until everything else is done.
 */
export function fileOrder(g: Graph): Node[] {
  const order = nodes(g);
  const read = readNodes(order);
  return [...order.filter((node) => read.has(node)), ...order.filter((node) => !read.has(node)).reverse()];
}

/**
 * Nodes in the order in which ONNX Runtime runs them: depth first from what nobody reads, the last of the file first, and
 * among what a node rests on the last of the file first.
 */
export function runOrder(g: Graph): Node[] {
  const file = fileOrder(g);
  const place = new Map(file.map((node, i) => [node, i]));
  const read = readNodes(file);
  const order: Node[] = [];
  const seen = new Set<Node>();
  const open: { node: Node; ready: boolean }[] = file
    .filter((node) => !read.has(node))
    .map((node) => ({ node, ready: false }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, ready } = next;
    if (ready) order.push(node);
    else if (!seen.has(node)) {
      seen.add(node);
      open.push({ node, ready: true });
      const before = new Set(node.inputs.flatMap((x) => (x.node && !seen.has(x.node) ? [x.node] : [])));
      for (const one of [...before].sort((a, b) => place.get(a)! - place.get(b)!))
        open.push({ node: one, ready: false });
    }
  }
  return order;
}

const readNodes = (order: readonly Node[]): Set<Node | undefined> =>
  new Set(order.flatMap(({ inputs }) => inputs.map(({ node }) => node)));
