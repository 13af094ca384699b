import {
  cast,
  compile,
  constant,
  type Graph,
  graph,
  type HostArray,
  inference,
  input,
  mul,
  type Program,
  type Runtime,
  rewrite,
  type SessionOptions,
  scalar,
  type Tensor,
} from "../../graph/index.js";
import { type Module, paramInputs } from "../../nn/index.js";

/** What running a detector needs of it. */
export interface Decodable {
  readonly module: Module<(x: Tensor) => readonly Tensor[]>;
  readonly head: { decode(maps: readonly Tensor[]): Tensor };
}

/** What a detector says of a batch: rows [b, n, 5 + classes] of cx, cy, w, h in pixels, objectness and class scores. */
export interface ForwardResult {
  readonly rows: HostArray;
  /** Raw maps [b, anchors, h, w, 5 + classes] of every level, where they were asked for. */
  readonly maps: readonly HostArray[];
}

/** A detector with its weights, ready for pictures uint8 [b, c, h, w]; compiled for each shape when it first comes. */
export interface Forward {
  run(images: HostArray): Promise<ForwardResult>;
  release(): Promise<void>;
}

export interface ForwardOptions extends SessionOptions {
  /** Give the raw maps too. */
  readonly maps?: boolean;
  /** Compiled shapes kept at once. */
  readonly keep?: number;
}

/** A detector to run with fixed weights. */
export function createForward(
  runtime: Runtime,
  model: Decodable,
  { weights, ...options }: ForwardOptions & { weights: ReadonlyMap<string, HostArray> },
): Forward {
  const cache = new Map<string, Program>();
  const programFor = async (shape: readonly number[]): Promise<Program> => {
    const key = shape.join("x");
    const program =
      cache.get(key) ?? (await compile(runtime, bindWeights(forwardGraph(model, shape, options), weights), options));
    cache.delete(key);
    cache.set(key, program);
    for (const [old, unused] of cache) {
      if (cache.size <= (options.keep ?? 4)) break;
      cache.delete(old);
      await unused.release();
    }
    return program;
  };
  return {
    async run(images) {
      const results = await (await programFor(images.shape)).run(new Map([["images", images]]));
      const maps = [...results.keys()].filter((name) => name.startsWith("map."));
      return { rows: results.get("rows")!, maps: maps.map((name) => results.get(name)!) };
    },
    async release() {
      for (const program of cache.values()) await program.release();
      cache.clear();
    },
  };
}

/** Pictures uint8 to decoded rows (and raw maps), as used: running statistics, folded. Weights are inputs. */
export function forwardGraph(model: Decodable, shape: readonly number[], { maps: withMaps = false } = {}): Graph {
  const images = input(shape, { dtype: "uint8", label: "images" });
  const maps = model.module(mul(cast(images, "float32"), scalar(1 / 255)));
  const outputs = new Map([["rows", model.head.decode(maps)]]);
  if (withMaps) for (const [i, map] of maps.entries()) outputs.set(`map.${i}`, map);
  return inference(graph(new Map([...paramInputs(model.module), ["images", images]]), outputs));
}

/** The graph with inputs that have a weight of their name turned into constants. */
export function bindWeights(g: Graph, weights: ReadonlyMap<string, HostArray>): Graph {
  const substitute = new Map<Tensor, Tensor>();
  for (const [name, tensor] of g.inputs) {
    const value = weights.get(name);
    if (value) substitute.set(tensor, constant(value));
  }
  return rewrite(g, () => undefined, { substitute });
}
