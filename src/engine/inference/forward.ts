import {
  afterLastLayer,
  cast,
  compile,
  constant,
  type Graph,
  graph,
  type HostArray,
  inference,
  input,
  lower,
  mul,
  type Program,
  type Runtime,
  rewrite,
  type SessionOptions,
  scalar,
  type Tensor,
  half as toHalf,
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
  /** The network in float16, decoding in float32. */
  readonly half?: boolean;
}

/** A detector to run with fixed weights: part of the compiled graph, where they are folded and laid out for speed. */
export function createForward(
  runtime: Runtime,
  model: Decodable,
  { weights, ...options }: ForwardOptions & { weights: ReadonlyMap<string, HostArray> },
): Forward {
  const graphOf = (shape: readonly number[]) => bindWeights(forwardGraph(model, shape, options), weights);
  const programs = programsByShape(options, (shape) =>
    compile(runtime, options.half ? halved(graphOf(shape)) : graphOf(shape), options),
  );
  return {
    run: async (images) => resultOf(await (await programs.get(images.shape)).run(new Map([["images", images]]))),
    release: programs.release,
  };
}

/** A detector that is handed its weights with every batch, so that other ones need no compiling. */
export interface FedForward {
  run(images: HostArray, weights: ReadonlyMap<string, HostArray>): Promise<ForwardResult>;
  release(): Promise<void>;
}

/** A detector to run with weights that change: each run is slower than with fixed ones, by about a third on a CPU. */
export function createFedForward(runtime: Runtime, model: Decodable, options: ForwardOptions): FedForward {
  const programs = programsByShape(options, (shape) => compile(runtime, forwardGraph(model, shape, options), options));
  return {
    run: async (images, weights) =>
      resultOf(await (await programs.get(images.shape)).run(new Map([...weights, ["images", images]]))),
    release: programs.release,
  };
}

/**
 * Compiling anew each epoch with the weights folded in takes about half a second a shape and saves 2 ms a picture
 * (yolov5n-swinv2 at 320 px on 2 cores): up to so many pictures it is faster to keep one program and feed it the weights.
 */
export const mostFed = 400;

/** Programs by the shape of what they are fed: the last few, made when they are first asked for. */
export function programsByShape({ keep = 4 }: ForwardOptions, make: (shape: readonly number[]) => Promise<Program>) {
  const cache = new Map<string, Program>();
  return {
    async get(shape: readonly number[]): Promise<Program> {
      const key = shape.join("x");
      const program = cache.get(key) ?? (await make(shape));
      cache.delete(key);
      cache.set(key, program);
      for (const [old, unused] of cache) {
        if (cache.size <= keep) break;
        cache.delete(old);
        await unused.release();
      }
      return program;
    },
    async release(): Promise<void> {
      for (const program of cache.values()) await program.release();
      cache.clear();
    },
  };
}

function resultOf(results: ReadonlyMap<string, HostArray>): ForwardResult {
  const maps = [...results.keys()].filter((name) => name.startsWith("map."));
  return { rows: results.get("rows")!, maps: maps.map((name) => results.get(name)!) };
}

/** Pictures uint8 to decoded rows (and raw maps), as used: running statistics, folded. Weights are inputs. */
export function forwardGraph(model: Decodable, shape: readonly number[], { maps: withMaps = false } = {}): Graph {
  const images = input(shape, { dtype: "uint8", label: "images" });
  const maps = model.module(mul(cast(images, "float32"), scalar(1 / 255)));
  const outputs = new Map([["rows", model.head.decode(maps)]]);
  if (withMaps) for (const [i, map] of maps.entries()) outputs.set(`map.${i}`, map);
  return inference(graph(new Map([...paramInputs(model.module), ["images", images]]), outputs));
}

/** float16 up to the last convolutions; decoding, where a half is too coarse for pixels, and input and output in float32. */
export function halved(g: Graph): Graph {
  const lowered = lower(g);
  const tail = afterLastLayer(lowered);
  return toHalf(lowered, { keep: (node) => tail.has(node) });
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
