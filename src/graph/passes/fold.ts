import { type Graph, graph, nodes, rewrite } from "../graph.js";
import { bytesPerElement, type HostArray } from "../host.js";
import { compile, type Runtime, type SessionOptions } from "../session.js";
import { constant, input, type Node, sizeOf, type Tensor } from "../tensor.js";

/** A graph cut in two: what can be computed before the fed inputs are known, and the rest. */
export interface Parts {
  /** From the inputs that are not fed to `prepared.0`, `prepared.1`, ...; has no outputs where there is nothing to do. */
  readonly prepare: Graph;
  /** From the fed inputs, those it still reads directly and `prepared.*` to the outputs. */
  readonly main: Graph;
}

/**
 * Partial evaluation: `isFed` tells the inputs that change with every run (pictures) from those that stay (parameters).
 * Values that take far more room than what they are made of stay in the main part.
 */
export function splitConstantPart(g: Graph, isFed: (name: string) => boolean): Parts {
  const moves = new Set<Tensor | Node>([...g.inputs].filter(([name]) => isFed(name)).map(([, tensor]) => tensor));
  const stays = (x: Tensor) => x.node !== undefined && !moves.has(x.node);
  const prepared = new Map<Tensor, Tensor>();
  const outputs = new Map<string, Tensor>();
  // A value that stays, read by a node that moves.
  const settle = (x: Tensor): void => {
    if (!stays(x) || prepared.has(x)) return;
    const node = x.node as Node;
    if (swells(node)) {
      node.inputs.forEach(settle);
      return;
    }
    const name = `prepared.${prepared.size}`;
    prepared.set(x, input(x.shape, { dtype: x.dtype, label: name }));
    outputs.set(name, x);
  };
  for (const node of nodes(g)) {
    if (!node.inputs.some((x) => moves.has(x) || (x.node && moves.has(x.node)))) continue;
    moves.add(node);
    node.inputs.forEach(settle);
  }
  for (const x of g.outputs.values()) settle(x);
  const added = new Map([...outputs].map(([name, x]) => [name, prepared.get(x) as Tensor]));
  const main = rewrite(
    g,
    (node) => (node.outputs.some((x) => prepared.has(x)) ? node.outputs.map((x) => prepared.get(x) ?? x) : undefined),
    { added },
  );
  return { prepare: graph(g.inputs, outputs), main };
}

/** The graph with `weights` as constants and everything that depends on them alone computed, once, by the runtime. */
export async function bake(
  runtime: Runtime,
  g: Graph,
  weights: ReadonlyMap<string, HostArray>,
  options: SessionOptions = {},
): Promise<Graph> {
  const { prepare, main } = splitConstantPart(g, (name) => !weights.has(name));
  const values = new Map([...weights, ...(await evaluate(runtime, prepare, weights, options))]);
  const substitute = new Map<Tensor, Tensor>();
  for (const [name, tensor] of main.inputs) {
    const value = values.get(name);
    if (value) substitute.set(tensor, { ...constant(value), label: name });
  }
  return rewrite(main, () => undefined, { substitute });
}

async function evaluate(
  runtime: Runtime,
  g: Graph,
  feeds: ReadonlyMap<string, HostArray>,
  options: SessionOptions,
): Promise<Map<string, HostArray>> {
  if (g.outputs.size === 0) return new Map();
  const program = await compile(runtime, g, options);
  const results = await program.run(feeds);
  await program.release();
  return results;
}

const large = 1 << 20;
const swelling = 16;

function swells({ inputs, outputs }: Node): boolean {
  const [before, after] = [inputs, outputs].map((xs) => xs.reduce((n, x) => n + bytes(x), 0));
  return after > large && after > swelling * before;
}

const bytes = ({ dtype, shape }: Tensor): number => sizeOf(shape) * bytesPerElement[dtype];
