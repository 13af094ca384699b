import { type HostArray, hostArray, isFloating, toFloat32 } from "../../graph/index.js";
import {
  type GroupSizes,
  groupNames,
  groupOf,
  momentsOf,
  namedParams,
  type OptimizerKind,
  type Part,
} from "../../nn/index.js";

/** Where a named array lies in a flat vector. */
interface Place {
  readonly vector: string;
  readonly offset: number;
  readonly size: number;
  readonly shape: readonly number[];
}

/**
 * Everything that training changes, in flat vectors: for every parameter group its weights `w`, their average `ema` and the
 * optimizer's moments; floating buffers and their average. Named arrays are views into them, so nothing is copied on the way
 * to ONNX Runtime.
 */
export interface TrainState {
  readonly optimizer: OptimizerKind;
  readonly places: ReadonlyMap<string, Place>;
  readonly sizes: GroupSizes;
  /** `bias.w`, `bias.ema`, `bias.m`, ..., `buffer.ema` */
  readonly vectors: ReadonlyMap<string, Float32Array>;
  readonly buffer: Float32Array;
  /** Sums of the gradients of `pending` batches, by group; its keys are the groups. */
  readonly gradients: Readonly<Record<string, Float32Array>>;
  /** Batches since the last step; at 0, what `gradients` holds counts for nothing. */
  pending: number;
  /** Whole-number buffers (num_batches_tracked counts here) and constants. */
  readonly fixed: Map<string, HostArray>;
  /** The same as they were at the start, which the average keeps. */
  readonly fixedAtStart: ReadonlyMap<string, HostArray>;
  /** Optimizer steps so far. */
  steps: number;
  /** EMA updates so far; the same as steps but for fine-tuned states. */
  updates: number;
}

/** What an optimizer step reads and changes of a state, or of a part of one, and a checkpoint holds. */
export type Steppable = Pick<
  TrainState,
  "optimizer" | "vectors" | "buffer" | "gradients" | "pending" | "steps" | "updates"
>;

export interface StateOptions {
  readonly optimizer: OptimizerKind;
  /** Parameters that stay as they are. */
  readonly frozen?: (name: string) => boolean;
  /** Groups of parameters that are stepped alike; YOLOv5's three where left out. */
  readonly groups?: ParameterGroups;
}

/** The names of groups, and which one a parameter belongs to. */
export interface ParameterGroups {
  readonly names: readonly string[];
  readonly of: (name: string, norm: boolean) => string;
}

/** A fresh state from the numbers of a model. */
export function createState(model: Part, values: ReadonlyMap<string, HostArray>, options: StateOptions): TrainState {
  const { optimizer, frozen = () => false, groups = { names: groupNames, of: groupOf } } = options;
  const places = new Map<string, Place>();
  const fixed = new Map<string, HostArray>();
  const sizes: Record<string, number> = Object.fromEntries([...groups.names, "buffer"].map((name) => [name, 0]));
  for (const [name, { kind, tensor, norm }] of namedParams(model)) {
    if (!isFloating(tensor.dtype) || kind === "derived") {
      fixed.set(name, numbersOf(values, name));
      continue;
    }
    const vector = kind === "parameter" && !frozen(name) ? groups.of(name, norm) : "buffer";
    const size = tensor.shape.reduce((n, d) => n * d, 1);
    places.set(name, { vector, offset: sizes[vector], size, shape: tensor.shape });
    sizes[vector] += size;
  }
  const vectors = new Map<string, Float32Array>();
  for (const group of groups.names) {
    for (const name of ["w", "ema", ...momentsOf(optimizer)]) {
      vectors.set(`${group}.${name}`, new Float32Array(sizes[group]));
    }
  }
  vectors.set("buffer.ema", new Float32Array(sizes.buffer));
  const state: TrainState = {
    optimizer,
    places,
    sizes,
    vectors,
    buffer: new Float32Array(sizes.buffer),
    gradients: groupVectors(sizes),
    pending: 0,
    fixed: new Map([...fixed].map(([name, { dtype, shape, data }]) => [name, hostArray(dtype, shape, data.slice())])),
    fixedAtStart: fixed,
    steps: 0,
    updates: 0,
  };
  for (const [name, place] of places) {
    const numbers = toFloat32(numbersOf(values, name));
    weightsOf(state, place).set(numbers, place.offset);
    averagesOf(state, place).set(numbers, place.offset);
  }
  return state;
}

/** A vector of zeros for every parameter group. */
export const groupVectors = ({ buffer: _, ...sizes }: GroupSizes): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(sizes).map(([group, size]) => [group, new Float32Array(size)]));

function numbersOf(values: ReadonlyMap<string, HostArray>, name: string): HostArray {
  const value = values.get(name);
  if (!value) throw new Error(`no numbers for ${name}`);
  return value;
}

const weightsOf = (state: TrainState, { vector }: Place): Float32Array =>
  vector === "buffer" ? state.buffer : state.vectors.get(`${vector}.w`)!;

const averagesOf = (state: TrainState, { vector }: Place): Float32Array => state.vectors.get(`${vector}.ema`)!;

/** A view of a flat vector under the shape of a named array. */
const view = (vector: Float32Array, { offset, size, shape }: Place): HostArray =>
  hostArray("float32", shape, vector.subarray(offset, offset + size));

/** The current weights and buffers by name: views, which the next step changes. */
export const currentWeights = (state: TrainState): Map<string, HostArray> => named(state, weightsOf, state.fixed);

/** The averaged weights and buffers by name: views, which the next step changes. */
export const averagedWeights = (state: TrainState): Map<string, HostArray> =>
  named(state, averagesOf, state.fixedAtStart);

function named(
  state: TrainState,
  vectorOf: (state: TrainState, place: Place) => Float32Array,
  fixed: ReadonlyMap<string, HostArray>,
): Map<string, HostArray> {
  const views = [...state.places].map(([name, place]): [string, HostArray] => [
    name,
    view(vectorOf(state, place), place),
  ]);
  return new Map([...views, ...fixed]);
}

/** Counts a batch in every num_batches_tracked. */
export function countBatch(state: TrainState): void {
  for (const [name, { data }] of state.fixed) {
    if (name.endsWith("num_batches_tracked") && data instanceof BigInt64Array) data[0]++;
  }
}

/** Views into flat vectors shaped as the gradients of all parameters that learn. */
export function gradientViews(
  state: TrainState,
  vectors: Readonly<Record<string, Float32Array>>,
): Map<string, HostArray> {
  const learned = [...state.places].filter(([, { vector }]) => vector !== "buffer");
  return new Map(learned.map(([name, place]) => [name, view(vectors[place.vector], place)]));
}

/** A buffer becomes `keep` * old + `take` * now. */
export function blendBuffer(
  state: TrainState,
  name: string,
  { now, keep, take }: { now: Float32Array; keep: number; take: number },
): void {
  const { offset } = state.places.get(name)!;
  for (let i = 0; i < now.length; i++) {
    state.buffer[offset + i] = state.buffer[offset + i] * keep + now[i] * take;
  }
}

/** The state as named arrays for a file: flat vectors, buffers and counters, and back by `restoreState`. */
export function dumpState(state: Steppable): Map<string, HostArray> {
  const arrays = new Map<string, HostArray>();
  for (const [name, vector] of state.vectors) arrays.set(name, hostArray("float32", [vector.length], vector));
  arrays.set("buffer", hostArray("float32", [state.buffer.length], state.buffer));
  for (const [group, data] of Object.entries(state.gradients))
    arrays.set(`${group}.gradients`, hostArray("float32", [data.length], data));
  arrays.set("counters", hostArray("float64", [3], Float64Array.of(state.steps, state.updates, state.pending)));
  return arrays;
}

/**
 * Fills a state from what `dumpState` gave.
 * @throws Error when the vectors do not fit: the state is of another model or optimizer.
 */
export function restoreState(state: Steppable, arrays: ReadonlyMap<string, HostArray>): void {
  const into = (name: string, target: Float32Array) => {
    const found = arrays.get(name);
    if (!found || found.data.length !== target.length) {
      throw new Error(
        `saved state does not fit: ${name} has ${found?.data.length ?? "no"} numbers, ${target.length} expected`,
      );
    }
    target.set(found.data as Float32Array);
  };
  for (const [name, vector] of state.vectors) into(name, vector);
  into("buffer", state.buffer);
  for (const group of Object.keys(state.gradients)) into(`${group}.gradients`, state.gradients[group]);
  const counters = arrays.get("counters")?.data as Float64Array;
  [state.steps, state.updates, state.pending] = counters;
}
