import { type HostArray, hostArray, isFloating, toFloat32 } from "../../graph/index.js";
import {
  type GroupName,
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
  readonly vector: GroupName | "buffer";
  readonly offset: number;
  readonly size: number;
  readonly shape: readonly number[];
}

/** A flat vector that steps read and write in turn: two arrays, the current one first. */
export type Pair = [now: Float32Array, next: Float32Array];

/**
 * Everything that training changes, in flat vectors: for every parameter group its weights `w`, their average `ema` and the
 * optimizer's moments, each twice so that a step reads one and writes the other; floating buffers once. Named arrays are
 * views into them, so nothing is copied on the way to ONNX Runtime.
 */
export interface TrainState {
  readonly optimizer: OptimizerKind;
  readonly places: ReadonlyMap<string, Place>;
  readonly sizes: GroupSizes;
  /** `bias.w`, `bias.ema`, `bias.m`, ..., `buffer.ema` */
  readonly pairs: ReadonlyMap<string, Pair>;
  readonly buffer: Float32Array;
  /** Sums of gradients since the last step, by group. */
  readonly gradients: Readonly<Record<GroupName, Float32Array>>;
  /** Whole-number buffers (num_batches_tracked counts here) and constants. */
  readonly fixed: Map<string, HostArray>;
  /** The same as they were at the start, which the average keeps. */
  readonly fixedAtStart: ReadonlyMap<string, HostArray>;
  /** Optimizer steps so far. */
  steps: number;
  /** EMA updates so far; the same as steps but for fine-tuned states. */
  updates: number;
}

export interface StateOptions {
  readonly optimizer: OptimizerKind;
  /** Parameters that stay as they are. */
  readonly frozen?: (name: string) => boolean;
}

/** A fresh state from the numbers of a model. */
export function createState(model: Part, values: ReadonlyMap<string, HostArray>, options: StateOptions): TrainState {
  const { optimizer, frozen = () => false } = options;
  const places = new Map<string, Place>();
  const fixed = new Map<string, HostArray>();
  const sizes = { bias: 0, weight: 0, norm: 0, buffer: 0 };
  for (const [name, { kind, tensor, norm }] of namedParams(model)) {
    if (!isFloating(tensor.dtype) || kind === "derived") {
      fixed.set(name, numbersOf(values, name));
      continue;
    }
    const vector = kind === "parameter" && !frozen(name) ? groupOf(name, norm) : "buffer";
    const size = tensor.shape.reduce((n, d) => n * d, 1);
    places.set(name, { vector, offset: sizes[vector], size, shape: tensor.shape });
    sizes[vector] += size;
  }
  const pairs = new Map<string, Pair>();
  const pair = (size: number): Pair => [new Float32Array(size), new Float32Array(size)];
  for (const group of groupNames) {
    for (const name of ["w", "ema", ...momentsOf(optimizer)]) pairs.set(`${group}.${name}`, pair(sizes[group]));
  }
  pairs.set("buffer.ema", pair(sizes.buffer));
  const gradients = Object.fromEntries(groupNames.map((group) => [group, new Float32Array(sizes[group])]));
  const state: TrainState = {
    optimizer,
    places,
    sizes,
    pairs,
    buffer: new Float32Array(sizes.buffer),
    gradients: gradients as Record<GroupName, Float32Array>,
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

function numbersOf(values: ReadonlyMap<string, HostArray>, name: string): HostArray {
  const value = values.get(name);
  if (!value) throw new Error(`no numbers for ${name}`);
  return value;
}

const weightsOf = (state: TrainState, { vector }: Place): Float32Array =>
  vector === "buffer" ? state.buffer : state.pairs.get(`${vector}.w`)![0];

const averagesOf = (state: TrainState, { vector }: Place): Float32Array => state.pairs.get(`${vector}.ema`)![0];

/** A view of a flat vector under the shape of a named array. */
const view = (vector: Float32Array, { offset, size, shape }: Place): HostArray =>
  hostArray("float32", shape, vector.subarray(offset, offset + size));

/** The current weights and buffers by name: views, valid until the next step. */
export const currentWeights = (state: TrainState): Map<string, HostArray> => named(state, weightsOf, state.fixed);

/** The averaged weights and buffers by name: views, valid until the next step. */
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
  vectors: Readonly<Record<GroupName, Float32Array>>,
): Map<string, HostArray> {
  const learned = [...state.places].filter(([, { vector }]) => vector !== "buffer");
  return new Map(learned.map(([name, place]) => [name, view(vectors[place.vector as GroupName], place)]));
}

/** Writes new numbers into a buffer. */
export function setBuffer(state: TrainState, name: string, data: Float32Array): void {
  state.buffer.set(data, state.places.get(name)!.offset);
}

/** The state as named arrays for a file: flat vectors, buffers and counters, and back by `restoreState`. */
export function dumpState(state: TrainState): Map<string, HostArray> {
  const arrays = new Map<string, HostArray>();
  for (const [name, [now]] of state.pairs) arrays.set(name, hostArray("float32", [now.length], now));
  arrays.set("buffer", hostArray("float32", [state.buffer.length], state.buffer));
  for (const [group, data] of Object.entries(state.gradients))
    arrays.set(`${group}.gradients`, hostArray("float32", [data.length], data));
  arrays.set("counters", hostArray("float64", [2], Float64Array.of(state.steps, state.updates)));
  return arrays;
}

/**
 * Fills a state from what `dumpState` gave.
 * @throws Error when the vectors do not fit: the state is of another model or optimizer.
 */
export function restoreState(state: TrainState, arrays: ReadonlyMap<string, HostArray>): void {
  const into = (name: string, target: Float32Array) => {
    const found = arrays.get(name);
    if (!found || found.data.length !== target.length) {
      throw new Error(
        `saved state does not fit: ${name} has ${found?.data.length ?? "no"} numbers, ${target.length} expected`,
      );
    }
    target.set(found.data as Float32Array);
  };
  for (const [name, [now]] of state.pairs) into(name, now);
  into("buffer", state.buffer);
  for (const group of groupNames) into(`${group}.gradients`, state.gradients[group]);
  const counters = arrays.get("counters")?.data as Float64Array;
  [state.steps, state.updates] = counters;
}
