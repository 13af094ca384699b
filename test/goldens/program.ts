import {
  apply,
  batchNormOp,
  compile,
  foldBatchNorm,
  type Graph,
  type HostArray,
  inference,
  layerNormOp,
  rewrite,
  useRunningStatistics,
} from "swinyolo/graph";
import { namedParams, type Part } from "swinyolo/nn";
import { runtime } from "../runtime.js";

/** Runs a graph once. */
export async function evaluate(g: Graph, feeds: ReadonlyMap<string, HostArray>): Promise<Map<string, HostArray>> {
  const program = await compile(await runtime(), g);
  const results = await program.run(feeds);
  await program.release();
  return results;
}

const transforms: Record<string, (g: Graph) => Graph> = {
  train: (g) => g,
  eval: useRunningStatistics,
  fused: inference,
};

/** A traced graph in one of the fixtures' modes: batch statistics, running statistics, folded. */
export function inMode(g: Graph, mode: string): Graph {
  const transform = transforms[mode];
  if (!transform) throw new Error(`mode ${mode}`);
  return transform(g);
}

/** The kernels and biases of a graph whose batch norms are folded, by their names. */
export const foldedTensors = (g: Graph) => foldBatchNorm(g).folded;

/** The graph with the constants of the norms that a fixture's options name. */
export function withNormOptions(g: Graph, options: Record<string, unknown>): Graph {
  const of = (key: string) => (options[key] ?? {}) as { eps?: number; momentum?: number };
  const given = { [batchNormOp.name]: of("batchnorm"), [layerNormOp.name]: of("layernorm") };
  return rewrite(g, (node, inputs) => {
    if (!Object.hasOwn(given, node.op.name)) return undefined;
    const { eps = node.attrs.epsilon, momentum = node.attrs.momentum } = given[node.op.name];
    return apply(node.op, inputs, { ...node.attrs, epsilon: eps, ...(momentum !== undefined && { momentum }) });
  });
}

/**
 * The fixture's weights for a module. Derived buffers and counters of batches may be missing; anything else that is
 * missing, left over or of another shape is an error.
 */
export function weightsFor(part: Part, state: ReadonlyMap<string, HostArray>): Map<string, HostArray> {
  const params = namedParams(part);
  for (const name of state.keys()) if (!params.has(name)) throw new Error(`the module has no ${name}`);
  const weights = new Map<string, HostArray>();
  for (const [name, { kind, tensor, init }] of params) {
    const given = state.get(name);
    if (given && given.shape.join() !== tensor.shape.join()) {
      throw new Error(`${name}: [${given.shape}] in the fixture, [${tensor.shape}] in the module`);
    }
    if (given) weights.set(name, given);
    else if (kind !== "parameter" && typeof init !== "function") weights.set(name, init);
    else throw new Error(`the fixture has no ${name}`);
  }
  return weights;
}
