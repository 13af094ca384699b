import { apply, type Op } from "./op.js";
import type { Node, Tensor } from "./tensor.js";

/** What runs: named inputs (pictures, parameters), named outputs; the nodes follow from the outputs. */
export interface Graph {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

type Named = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

const entries = (named: Named): Iterable<[string, Tensor]> => (named instanceof Map ? named : Object.entries(named));

/**
 * A graph with the inputs that its outputs need, in the order given.
 * @throws Error when an output rests on a placeholder that is not among the inputs.
 */
export function graph(inputs: Named, outputs: Named): Graph {
  const given = new Map(entries(inputs));
  const named = new Map(entries(outputs));
  const names = new Map([...given].map(([name, tensor]) => [tensor, name]));
  const used = new Set<Tensor>();
  const visit = (tensor: Tensor) => {
    if (tensor.node || tensor.value || used.has(tensor)) return;
    if (!names.has(tensor)) throw new Error(`a graph rests on an input it was not given: ${tensor.label ?? tensor.id}`);
    used.add(tensor);
  };
  for (const node of nodesOf(named.values())) for (const tensor of node.inputs) visit(tensor);
  for (const tensor of named.values()) visit(tensor);
  return { inputs: new Map([...given].filter(([, tensor]) => used.has(tensor))), outputs: named };
}

/** The nodes that `outputs` rest on, each after those it needs, otherwise in the order they were made. */
export function nodesOf(outputs: Iterable<Tensor>): Node[] {
  const found = new Set<Node>();
  const open: Node[] = [];
  const see = (tensor: Tensor) => {
    if (tensor.node && !found.has(tensor.node)) {
      found.add(tensor.node);
      open.push(tensor.node);
    }
  };
  for (const tensor of outputs) see(tensor);
  for (let node = open.pop(); node; node = open.pop()) node.inputs.forEach(see);
  return [...found].sort((a, b) => a.id - b.id);
}

/** Nodes of a whole graph. */
export const nodes = (g: Graph): Node[] => nodesOf(g.outputs.values());

export interface RewriteOptions {
  /** New tensors for old placeholders. */
  readonly substitute?: ReadonlyMap<Tensor, Tensor>;
  /** Inputs that replacements bring in; may be filled while they do. */
  readonly added?: ReadonlyMap<string, Tensor>;
}

/**
 * The graph with nodes replaced: `replace` gets a node and its already rewritten inputs and returns the new outputs, or
 * undefined to keep the operator.
 */
export function rewrite(
  g: Graph,
  replace: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
  { substitute = new Map(), added = new Map() }: RewriteOptions = {},
): Graph {
  const known = new Map<Tensor, Tensor>(substitute);
  const now = (tensor: Tensor) => known.get(tensor) ?? tensor;
  let changed = false;
  for (const node of nodes(g)) {
    const inputs = node.inputs.map(now);
    changed ||= inputs.some((tensor, i) => tensor !== node.inputs[i]);
    // Nodes behind a new one are made again even with the same inputs: the order in which nodes are made stays.
    const outputs: readonly Tensor[] =
      replace(node, inputs) ?? (changed ? apply(node.op, inputs, node.attrs) : node.outputs);
    changed ||= outputs !== node.outputs;
    node.outputs.forEach((old, i) => {
      known.set(old, outputs[i]);
    });
  }
  const inputs = new Map([...g.inputs].map(([name, tensor]) => [name, now(tensor)]));
  const outputs = new Map([...g.outputs].map(([name, tensor]) => [name, now(tensor)]));
  const placeholders = [...inputs].filter(([, tensor]) => !tensor.node && !tensor.value);
  return graph(new Map([...placeholders, ...added]), outputs);
}

/** Who reads each tensor; graph outputs count as a reader of their own (undefined). */
export function readers(g: Graph): Map<Tensor, (Node | undefined)[]> {
  const found = new Map<Tensor, (Node | undefined)[]>();
  const note = (tensor: Tensor, reader: Node | undefined) => {
    const list = found.get(tensor);
    if (list) list.push(reader);
    else found.set(tensor, [reader]);
  };
  for (const node of nodes(g)) for (const tensor of node.inputs) note(tensor, node);
  for (const tensor of g.outputs.values()) note(tensor, undefined);
  return found;
}

/** The graph with composites written out, down to operators that ONNX knows; `keep` names those that stay whole. */
export function lower(g: Graph, { keep = () => false }: { readonly keep?: (op: Op) => boolean } = {}): Graph {
  const opens = (op: Op) => op.expand && !keep(op);
  let lowered = g;
  while (nodes(lowered).some(({ op }) => opens(op))) {
    lowered = rewrite(lowered, (node, inputs) => {
      if (!opens(node.op)) return undefined;
      const outputs = apply(node.op, inputs, node.attrs);
      return node.op.expand?.(outputs[0].node as Node);
    });
  }
  return lowered;
}
