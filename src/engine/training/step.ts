import {
  cast,
  elements,
  graph,
  type HostArray,
  hostArray,
  input,
  mul,
  type Runtime,
  scalar,
  type Tensor,
} from "../../graph/index.js";
import {
  type Assignment,
  assignLevel,
  capacityFor,
  type LevelShape,
  type LevelTargets,
  type LossOptions,
  levelTargets,
  type Module,
  padAssignment,
  paramInputs,
  yolov5Loss,
} from "../../nn/index.js";
import { currentWeights, type TrainState } from "./state.js";
import { createSteps, type Recompute, type StepGraph, type Steps, type StepsOptions, withGradients } from "./steps.js";

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

export interface GradientOptions extends StepsOptions {
  readonly loss: LossOptions;
  readonly anchorT: number;
  /** Activation checkpointing: less memory, more time. */
  readonly recompute?: Recompute;
  /** What runs the steps; by default with a state on the host. */
  readonly steps?: Steps;
}

/** Forward, loss and backward of a detector; gradients are added up in the state. */
export interface Gradients {
  run(
    state: TrainState,
    batch: TrainBatch,
    now: { balance: readonly number[]; iteration: number },
  ): Promise<StepResult>;
  release(): Promise<void>;
}

/** The gradients of a detector, compiled for each shape when it first comes. */
export function createGradients(runtime: Runtime, model: Trainable, options: GradientOptions): Gradients {
  const { steps = createSteps(runtime, options) } = options;
  let capacity = 0;

  const run: Gradients["run"] = async (state, { images, targets }, { balance, iteration }) => {
    const levels = levelShapes(model, state, images.shape);
    const assigned = levels.map((level) => assignLevel(targets, level, options.anchorT));
    const needed = capacityFor(Math.max(...assigned.map(({ classes }) => classes.length)), 256);
    if (needed > capacity) {
      await steps.release();
      capacity = needed;
    }
    const feeds = new Map([
      ["images", images],
      ["balance", hostArray("float32", [balance.length], Float32Array.from(balance))],
    ]);
    assigned.forEach((assignment, level) => {
      feedTargets(feeds, level, assignment, { shape: levels[level], batch: images.shape[0], capacity });
    });
    const made = await steps.run(state, feeds, {
      key: `${images.shape.join("x")} ${capacity}`,
      iteration,
      graph: (learned) => stepGraph({ model, learned, images: images.shape, capacity, options }),
    });
    const number = (name: string) => made.get(name)!.data as Float32Array;
    const [box, obj, cls] = number("parts");
    return { loss: number("loss")[0], parts: [box, obj, cls] as const, levels: number("levels") };
  };
  return { run, release: steps.release };
}

interface StepShape {
  readonly model: Trainable;
  /** Names of the parameters that get gradients. */
  readonly learned: readonly string[];
  readonly images: readonly number[];
  readonly capacity: number;
  readonly options: GradientOptions;
}

// Numbers in a batch from which open shapes save more memory than half a second of compiling is worth: one picture of 640 px.
const large = 2 ** 20;

/** The whole step as one graph: pictures, targets and weights in; losses, gradients and the batch's statistics out. */
export function stepGraph(shape: StepShape): StepGraph {
  const step = wholeStep(shape);
  if (elements(shape.images) < large) return step;
  return { ...step, open: ["images", ...step.masks.map(({ name }) => name)] };
}

function wholeStep({ model, learned, images, capacity, options }: StepShape): StepGraph {
  const pictures = input(images, { dtype: "uint8", label: "images" });
  const balance = input([model.strides.length], { label: "balance" });
  const maps = model.module(mul(cast(pictures, "float32"), scalar(1 / 255)));
  const targets = maps.map(() => levelTargets(capacity));
  const { loss, parts, levels } = yolov5Loss(maps, targets, { balance, options: options.loss });
  const inputs = new Map([...paramInputs(model.module), ["images", pictures], ["balance", balance]]);
  targets.forEach((level, i) => {
    for (const [name, tensor] of Object.entries(level)) inputs.set(`targets.${i}.${name}`, tensor);
  });
  const outputs = { loss, parts, levels };
  if (!options.lossScale) return withGradients(graph(inputs, outputs), learned, options);
  const network = maps.map((map, i): [string, Tensor] => [`map.${i}`, map]);
  const traced = graph(inputs, { ...outputs, ...Object.fromEntries(network) });
  return withGradients(traced, learned, { ...options, half: { network: network.map(([name]) => name) } });
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
