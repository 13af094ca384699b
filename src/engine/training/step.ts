import {
  type BatchStatistic,
  batchStatistics,
  cast,
  compile,
  type DropoutMask,
  elements,
  type Graph,
  grad,
  graph,
  type HostArray,
  hostArray,
  input,
  mul,
  type Program,
  type Runtime,
  recompute,
  type SessionOptions,
  scalar,
  type Tensor,
  withDropoutMasks,
} from "../../graph/index.js";
import {
  type Assignment,
  assignLevel,
  capacityFor,
  type GroupName,
  groupNames,
  type LevelShape,
  type LevelTargets,
  type LossOptions,
  levelTargets,
  type Module,
  padAssignment,
  paramInputs,
  yolov5Loss,
} from "../../nn/index.js";
import { blendBuffer, countBatch, currentWeights, gradientViews, groupVectors, type TrainState } from "./state.js";

/** What a training step needs to know of a detector. */
export interface Trainable {
  readonly module: Module<(x: Tensor) => readonly Tensor[]>;
  readonly strides: readonly number[];
  /** Name of the buffer of anchors [levels, anchors, 2], in cells. */
  readonly anchorsName: string;
}

/** Pictures and their targets: images uint8 [b, c, h, w]; rows of image, class, cx, cy, w, h. */
export interface TrainBatch {
  readonly images: HostArray;
  readonly targets: Float32Array;
}

export interface StepResult {
  readonly loss: number;
  /** box, obj, cls after their gains. */
  readonly parts: readonly [number, number, number];
  /** Objectness loss of every level, for autobalance. */
  readonly levels: Float32Array;
}

export interface GradientOptions extends SessionOptions {
  readonly loss: LossOptions;
  readonly anchorT: number;
  /** Gives uniform numbers for dropout, keyed by the batch's number in the run and the mask's place in the graph. */
  readonly random?: (iteration: number, place: number) => () => number;
  /** Activation checkpointing: less memory, more time. */
  readonly recompute?: Recompute;
  /** Compiled shapes kept at once; each holds its own working memory. */
  readonly keep?: number;
}

/**
 * Activation checkpointing: none, of every layer row, of what is cheap between convolutions and
 * products, or of the blocks with these numbers (`checkpointBlocks`).
 */
export type Recompute = "none" | "row" | "cheap" | readonly number[];

/** Forward, loss and backward of a detector; gradients are added up in the state. */
export interface Gradients {
  run(
    state: TrainState,
    batch: TrainBatch,
    now: { balance: readonly number[]; iteration: number },
  ): Promise<StepResult>;
  release(): Promise<void>;
}

interface StepGraph {
  readonly graph: Graph;
  readonly masks: readonly DropoutMask[];
  /** Of the outputs `stats.NAME`. */
  readonly statistics: ReadonlyMap<string, BatchStatistic>;
}

interface Compiled {
  readonly program: Program;
  readonly masks: readonly DropoutMask[];
  /** Plain records: tensors would keep the whole graph in memory, and the garbage collector busy with it. */
  readonly outputs: ReadonlyMap<string, Pick<Tensor, "dtype" | "shape">>;
  readonly blends: ReadonlyMap<string, Pick<BatchStatistic, "keep" | "take">>;
}

/** The gradients of a detector, compiled for each shape when it first comes. */
export function createGradients(runtime: Runtime, model: Trainable, options: GradientOptions): Gradients {
  const cache = new Map<string, Compiled>();
  let apart: Record<GroupName, Float32Array> | undefined;
  let capacity = 0;

  const compiledFor = async (state: TrainState, images: readonly number[]): Promise<Compiled> => {
    const key = `${images.join("x")} ${capacity}`;
    const found = cache.get(key);
    cache.delete(key);
    const compiled =
      found ?? (await compileStep(runtime, { model, learned: learnedNames(state), images, capacity, options }));
    cache.set(key, compiled);
    for (const [old, { program }] of cache) {
      if (cache.size <= (options.keep ?? 2)) break;
      cache.delete(old);
      await program.release();
    }
    return compiled;
  };

  const clear = async () => {
    for (const { program } of cache.values()) await program.release();
    cache.clear();
  };

  const run: Gradients["run"] = async (state, { images, targets }, { balance, iteration }) => {
    const levels = levelShapes(model, state, images.shape);
    const assigned = levels.map((level) => assignLevel(targets, level, options.anchorT));
    const needed = capacityFor(Math.max(...assigned.map(({ classes }) => classes.length)), 256);
    if (needed > capacity) {
      await clear();
      capacity = needed;
    }
    const { program, masks, outputs, blends } = await compiledFor(state, images.shape);
    const feeds = currentWeights(state);
    feeds.set("images", images);
    feeds.set("balance", hostArray("float32", [balance.length], Float32Array.from(balance)));
    assigned.forEach((assignment, level) => {
      feedTargets(feeds, level, assignment, { shape: levels[level], batch: images.shape[0], capacity });
    });
    masks.forEach((mask, place) => {
      feeds.set(mask.name, drawMask(mask, options.random?.(iteration, place) ?? Math.random));
    });
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
    const number = (name: string) => into.get(name)!.data as Float32Array;
    const [box, obj, cls] = number("parts");
    return { loss: number("loss")[0], parts: [box, obj, cls] as const, levels: number("levels") };
  };
  return { run, release: clear };
}

const learnedNames = (state: TrainState): string[] =>
  [...state.places].filter(([, { vector }]) => vector !== "buffer").map(([name]) => name);

interface StepShape {
  readonly model: Trainable;
  /** Names of the parameters that get gradients. */
  readonly learned: readonly string[];
  readonly images: readonly number[];
  readonly capacity: number;
  readonly options: GradientOptions;
}

async function compileStep(runtime: Runtime, shape: StepShape): Promise<Compiled> {
  const { graph: step, masks, statistics } = stepGraph(shape);
  const outputs = new Map([...step.outputs].map(([name, { dtype, shape: size }]) => [name, { dtype, shape: size }]));
  const blends = new Map([...statistics].map(([name, { keep, take }]) => [name, { keep, take }]));
  return { program: await compile(runtime, step, shape.options), masks, outputs, blends };
}

/** The whole step as one graph: pictures, targets and weights in; losses, gradients and the batch's statistics out. */
export function stepGraph({ model, learned, images, capacity, options }: StepShape): StepGraph {
  const pictures = input(images, { dtype: "uint8", label: "images" });
  const balance = input([model.strides.length], { label: "balance" });
  const maps = model.module(mul(cast(pictures, "float32"), scalar(1 / 255)));
  const targets = maps.map(() => levelTargets(capacity));
  const { loss, parts, levels } = yolov5Loss(maps, targets, { balance, options: options.loss });
  const inputs = new Map([...paramInputs(model.module), ["images", pictures], ["balance", balance]]);
  targets.forEach((level, i) => {
    for (const [name, tensor] of Object.entries(level)) inputs.set(`targets.${i}.${name}`, tensor);
  });
  const { graph: forward, masks } = withDropoutMasks(graph(inputs, { loss, parts, levels }));
  const wrt = learned.map((name) => inputs.get(name)!);
  const gradients = grad(forward.outputs.get("loss")!, wrt);
  const outputs = new Map(forward.outputs);
  learned.forEach((name, i) => {
    outputs.set(`grad.${name}`, gradients[i]);
  });
  const statistics = batchStatistics(forward);
  for (const [name, { now }] of statistics) outputs.set(`stats.${name}`, now);
  const step = graph(new Map([...inputs, ...forward.inputs]), outputs);
  return { graph: checkpointed(step, options.recompute), masks, statistics };
}

function checkpointed(step: Graph, how: Recompute = "none"): Graph {
  if (how === "none") return step;
  return recompute(step, { cheapOnly: how === "cheap", only: typeof how === "object" ? how : undefined });
}

/** The shapes of the levels for pictures [b, c, h, w]. */
export function levelShapes(model: Trainable, state: TrainState, images: readonly number[]): LevelShape[] {
  const anchors = anchorLevels(currentWeights(state).get(model.anchorsName)!);
  return model.strides.map((stride, level) => ({
    width: Math.ceil(images[3] / stride),
    height: Math.ceil(images[2] / stride),
    anchors: anchors[level],
  }));
}

/** Width and height of every anchor of every level, in cells, from a buffer [levels, anchors, 2]. */
export function anchorLevels({ shape: [levels, count], data }: HostArray): [number, number][][] {
  return Array.from({ length: levels }, (_, l) =>
    Array.from({ length: count }, (_, i): [number, number] => {
      const at = (l * count + i) * 2;
      return [Number(data[at]), Number(data[at + 1])];
    }),
  );
}

interface TargetShape {
  readonly shape: LevelShape;
  readonly batch: number;
  readonly capacity: number;
}

/** Adds the inputs of one level's targets to what a graph is fed. */
export function feedTargets(
  feeds: Map<string, HostArray>,
  level: number,
  assignment: Assignment,
  { shape, batch, capacity }: TargetShape,
): void {
  const padded = padAssignment(assignment, shape, { batch, capacity });
  const shapes: Record<keyof LevelTargets, [HostArray["dtype"], number[]]> = {
    cell: ["int32", [capacity]],
    objectCell: ["int32", [capacity]],
    boxes: ["float32", [capacity, 4]],
    anchors: ["float32", [capacity, 2]],
    classes: ["int32", [capacity]],
    weight: ["float32", [capacity]],
  };
  for (const [name, [dtype, size]] of Object.entries(shapes)) {
    feeds.set(`targets.${level}.${name}`, hostArray(dtype, size, padded[name as keyof LevelTargets]));
  }
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
  made: Record<GroupName, Float32Array>,
  outputs: Compiled["outputs"],
): Map<string, HostArray> {
  const into = new Map<string, HostArray>();
  const views = gradientViews(state, made);
  for (const [name, { dtype, shape }] of outputs) {
    into.set(name, name.startsWith("grad.") ? views.get(name.slice(5))! : hostArray(dtype, shape));
  }
  return into;
}

function addUp(sums: Record<GroupName, Float32Array>, made: Record<GroupName, Float32Array>): void {
  for (const group of groupNames) {
    const [sum, add] = [sums[group], made[group]];
    for (let i = 0; i < sum.length; i++) sum[i] += add[i];
  }
}
