import { type HostArray, hostArray } from "../../graph/index.js";
import { gradientSquares } from "./optimizer.js";
import type { Steppable, TrainState } from "./state.js";

/** One of several workers that share a state. */
export interface Rank {
  /** From 0. */
  readonly rank: number;
  readonly ranks: number;
}

/**
 * What one rank steps (ZeRO, stage 1): its part of every vector. Weights, buffers and gradients are views into the rank's
 * whole state; moments and averages are its own, and the only ones that it needs. `dumpState` and `restoreState` take it.
 */
export interface StateShard extends Steppable, Rank {}

/** Where a rank's part of a vector begins and ends; parts follow one another and differ by one number at most. */
export const shardRange = (length: number, { rank, ranks }: Rank): readonly [from: number, to: number] => [
  Math.floor((length * rank) / ranks),
  Math.floor((length * (rank + 1)) / ranks),
];

/** The part of a state that a rank updates. */
export function shardState(state: TrainState, rank: Rank): StateShard {
  const view = (vector: Float32Array) => vector.subarray(...shardRange(vector.length, rank));
  const isShared = (name: string) => name.endsWith(".w");
  const gradients = Object.fromEntries(Object.entries(state.gradients).map(([group, vector]) => [group, view(vector)]));
  const { optimizer, pending, steps, updates } = state;
  return {
    ...rank,
    optimizer,
    vectors: new Map(
      [...state.vectors].map(([name, vector]) => [name, isShared(name) ? view(vector) : view(vector).slice()]),
    ),
    buffer: view(state.buffer),
    gradients,
    pending,
    steps,
    updates,
  };
}

/** The norm of all gradients from the parts of all ranks: the root of the sum of their sums of squares. */
export const shardedNorm = (shards: readonly Pick<StateShard, "gradients">[]): number =>
  normOfSquares(shards.map(gradientSquares));

/** The same from what each rank tells the others, `gradientSquares` of its part. */
export const normOfSquares = (squares: readonly number[]): number => Math.sqrt(squares.reduce((a, b) => a + b, 0));

/** Writes the weights that every rank has updated into a rank's whole state. */
export function gatherWeights(state: TrainState, shards: readonly StateShard[]): void {
  for (const shard of shards) {
    for (const group of Object.keys(shard.gradients)) {
      const whole = state.vectors.get(`${group}.w`)!;
      whole.set(shard.vectors.get(`${group}.w`)!, shardRange(whole.length, shard)[0]);
    }
  }
  [state.steps, state.updates, state.pending] = [shards[0].steps, shards[0].updates, shards[0].pending];
}

/**
 * What `dumpState` gives of the whole state, from what it gives of the parts of all ranks, in order.
 * @throws Error when parts are of different steps or hold different vectors.
 */
export function mergeShards(parts: readonly ReadonlyMap<string, HostArray>[]): Map<string, HostArray> {
  const [first] = parts;
  const found = (part: ReadonlyMap<string, HostArray>, name: string): HostArray => {
    const array = part.get(name);
    if (!array) throw new Error(`part ${parts.indexOf(part)} of a state has no ${name}`);
    return array;
  };
  return new Map(
    [...first].map(([name, array]) => {
      const all = parts.map((part) => found(part, name));
      if (name !== "counters") return [name, joined(all)];
      all.forEach(({ data }, i) => {
        if (String(data) !== String(array.data)) {
          throw new Error(`part ${i} of a state is of step ${data[0]}, part 0 of step ${array.data[0]}`);
        }
      });
      return [name, array];
    }),
  );
}

/** A rank's part of what `dumpState` or `mergeShards` gave: a run may go on with another number of ranks. */
export function splitDump(arrays: ReadonlyMap<string, HostArray>, rank: Rank): Map<string, HostArray> {
  return new Map(
    [...arrays].map(([name, array]) => {
      if (name === "counters") return [name, array];
      const part = (array.data as Float32Array).subarray(...shardRange(array.data.length, rank));
      return [name, hostArray("float32", [part.length], part)];
    }),
  );
}

function joined(parts: readonly HostArray[]): HostArray {
  const length = parts.reduce((sum, { data }) => sum + data.length, 0);
  const whole = new Float32Array(length);
  let at = 0;
  for (const { data } of parts) {
    whole.set(data as Float32Array, at);
    at += data.length;
  }
  return hostArray("float32", [length], whole);
}
