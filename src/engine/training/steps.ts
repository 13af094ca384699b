import {
  type BatchStatistic,
  batchStatistics,
  compile,
  type DropoutMask,
  div,
  elements,
  type Graph,
  grad,
  graph,
  type HostArray,
  hostArray,
  input,
  mixedPrecision,
  mul,
  type Program,
  type Runtime,
  recompute,
  remake,
  type SessionOptions,
  type Tensor,
  withDropoutMasks,
} from "../../graph/index.js";
import type { LossScale } from "./lossScale.js";
import { blendBuffer, countBatch, currentWeights, gradientViews, groupVectors, type TrainState } from "./state.js";

/**
 * Activation checkpointing: none, of every layer row, of what is cheap between convolutions and
 * products, or of the blocks with these numbers (`checkpointBlocks`).
 */
export type Recompute = "none" | "row" | "cheap" | readonly number[];

/** A training step of any task as a graph. */
export interface StepGraph {
  readonly graph: Graph;
  readonly masks: readonly DropoutMask[];
  /** Of the outputs `stats.NAME`. */
  readonly statistics: ReadonlyMap<string, BatchStatistic>;
  /** Inputs that are data; compiled with `open` on the CPU, a step takes less memory. */
  readonly open?: readonly string[];
}

/** How steps are compiled and run. */
export interface StepsOptions extends SessionOptions {
  /** Gives uniform numbers for dropout, keyed by the batch's number in the run and the mask's place in the graph. */
  readonly random?: (iteration: number, place: number) => () => number;
  /** Compiled shapes kept at once; each holds its own working memory. */
  readonly keep?: number;
  /** Of steps in mixed precision. */
  readonly lossScale?: LossScale;
}

/** Runs steps whose graphs have an output `loss`; gradients are added up in the state, statistics blended into it. */
export interface Steps {
  run(
    state: TrainState,
    /** What the graph is fed besides weights and masks. */
    feeds: ReadonlyMap<string, HostArray>,
    now: {
      /** Names the graph; one that was used lately is not made again. */
      key: string;
      iteration: number;
      graph: (learned: readonly string[]) => StepGraph;
    },
  ): Promise<ReadonlyMap<string, HostArray>>;
  release(): Promise<void>;
}

interface Compiled {
  readonly program: Program;
  readonly masks: readonly DropoutMask[];
  /** Plain records: tensors would keep the whole graph in memory, and the garbage collector busy with it. */
  readonly outputs: ReadonlyMap<string, Pick<Tensor, "dtype" | "shape">>;
  readonly blends: ReadonlyMap<string, Pick<BatchStatistic, "keep" | "take">>;
}

/** Steps of a state, each graph compiled when it first comes. */
export function createSteps(runtime: Runtime, options: StepsOptions): Steps {
  const compiled = latest<Compiled>(options.keep);
  let apart: Record<string, Float32Array> | undefined;

  const run: Steps["run"] = async (state, given, { key, iteration, graph: make }) => {
    const { program, masks, outputs, blends } = await compiled.get(key, () =>
      compileStep(runtime, make(learnedNames(state)), options),
    );
    const own = [...drawMasks(masks, iteration, options), ...scaleFeed(options)];
    const feeds = new Map([...currentWeights(state), ...given, ...own]);
    if (state.pending) apart ??= groupVectors(state.sizes);
    const made = state.pending ? apart! : state.gradients;
    const into = outputArrays(state, made, outputs);
    await program.run(feeds, into);
    if (made !== state.gradients) addUp(state.gradients, made);
    for (const [name, { keep, take }] of blends) {
      blendBuffer(state, name, { now: into.get(`stats.${name}`)!.data as Float32Array, keep, take });
    }
    state.pending++;
    countBatch(state);
    return into;
  };
  return { run, release: compiled.release };
}

/** Compiled things by name; the `most` used last are kept, the others released. */
export function latest<T extends { readonly program: Program }>(most = 2) {
  const kept = new Map<string, T>();
  return {
    async get(key: string, make: () => Promise<T>): Promise<T> {
      const found = kept.get(key);
      kept.delete(key);
      const compiled = found ?? (await make());
      kept.set(key, compiled);
      for (const [old, { program }] of kept) {
        if (kept.size <= most) break;
        kept.delete(old);
        await program.release();
      }
      return compiled;
    },
    async release(): Promise<void> {
      for (const { program } of kept.values()) await program.release();
      kept.clear();
    },
  };
}

/** Numbers for the dropout masks of a step. */
export const drawMasks = (
  masks: readonly DropoutMask[],
  iteration: number,
  { random }: Pick<StepsOptions, "random">,
): [string, HostArray][] =>
  masks.map((mask, place) => [mask.name, drawMask(mask, random?.(iteration, place) ?? Math.random)]);

/** The factor on the loss, where there is one. */
export const scaleFeed = ({ lossScale }: Pick<StepsOptions, "lossScale">): [string, HostArray][] =>
  lossScale ? [["scale", hostArray("float32", [], Float32Array.of(lossScale.value))]] : [];

/** Names of the parameters that a state has gradients for. */
export const learnedNames = (state: TrainState): string[] =>
  [...state.places].filter(([, { vector }]) => vector !== "buffer").map(([name]) => name);

async function compileStep(
  runtime: Runtime,
  { graph: step, masks, statistics, open }: StepGraph,
  options: SessionOptions,
): Promise<Compiled> {
  const outputs = new Map([...step.outputs].map(([name, { dtype, shape: size }]) => [name, { dtype, shape: size }]));
  const onCpu = (options.device ?? "cpu") === "cpu";
  const blends = new Map([...statistics].map(([name, { keep, take }]) => [name, { keep, take }]));
  return { program: await compile(runtime, step, onCpu ? { ...options, open } : options), masks, outputs, blends };
}

export interface StepForm {
  /** Activation checkpointing: less memory, more time. */
  readonly recompute?: Recompute;
  /** Mixed precision: the outputs with these names are what the network gives to the loss. */
  readonly half?: { readonly network: readonly string[] };
}

/**
 * A traced graph with an output `loss` as a step: dropout takes masks, the gradients of `learned` inputs and the batch's
 * statistics become outputs. In mixed precision there is an input `scale`, the factor on the loss; gradients are divided by it.
 */
export function withGradients(traced: Graph, learned: readonly string[], form: StepForm): StepGraph {
  const { graph: forward, masks } = withDropoutMasks(traced);
  const { network = [] } = form.half ?? {};
  const scale = form.half && input([], { label: "scale" });
  const wrt = [
    ...learned.map((name) => traced.inputs.get(name)!),
    ...network.map((name) => forward.outputs.get(name)!),
  ];
  const loss = forward.outputs.get("loss")!;
  const gradients = grad(scale ? mul(loss, scale) : loss, wrt);
  const outputs = new Map(forward.outputs);
  [...learned, ...network].forEach((name, i) => {
    outputs.set(`grad.${name}`, gradients[i]);
  });
  const statistics = batchStatistics(forward);
  for (const [name, { now }] of statistics) outputs.set(`stats.${name}`, now);
  const inputs = new Map([...traced.inputs, ...forward.inputs]);
  if (scale) inputs.set("scale", scale);
  const step = checkpointed(graph(inputs, outputs), form.recompute);
  return { graph: scale ? unscaled(inMixedPrecision(step, network), scale) : step, masks, statistics };
}

const inMixedPrecision = (step: Graph, network: readonly string[]): Graph =>
  mixedPrecision(step, { network, gradients: network.map((name) => `grad.${name}`) });

const unscaled = (step: Graph, scale: Tensor): Graph =>
  graph(
    step.inputs,
    new Map([...step.outputs].map(([name, x]) => [name, name.startsWith("grad.") ? div(x, scale) : x])),
  );

function checkpointed(step: Graph, how: Recompute = "none"): Graph {
  if (how === "none") return remake(step);
  return recompute(step, { cheapOnly: how === "cheap", only: typeof how === "object" ? how : undefined });
}

function drawMask({ shape, rate }: DropoutMask, next: () => number): HostArray {
  const keep = 1 / (1 - rate);
  return hostArray(
    "float32",
    shape,
    Float32Array.from({ length: elements(shape) }, () => (next() < rate ? 0 : keep)),
  );
}

function outputArrays(
  state: TrainState,
  made: Record<string, Float32Array>,
  outputs: Compiled["outputs"],
): Map<string, HostArray> {
  const into = new Map<string, HostArray>();
  const views = gradientViews(state, made);
  for (const [name, { dtype, shape }] of outputs) {
    into.set(name, name.startsWith("grad.") ? views.get(name.slice(5))! : hostArray(dtype, shape));
  }
  return into;
}

function addUp(sums: Record<string, Float32Array>, made: Record<string, Float32Array>): void {
  for (const group of Object.keys(made)) {
    const [sum, add] = [sums[group], made[group]];
    for (let i = 0; i < sum.length; i++) sum[i] += add[i];
  }
}
