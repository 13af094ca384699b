import {
  type Graph,
  type HostArray,
  hostArray,
  openModel,
  type Program,
  type Runtime,
  type SessionOptions,
  toOnnx,
} from "../../graph/index.js";
import { adamCorrections, averageGraph, type GroupName, groupNames, momentsOf, updateGraph } from "../../nn/index.js";
import type { Pair, TrainState } from "./state.js";

export interface StepRates {
  readonly biasLr: number;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; no limit where left out. */
  readonly clipNorm?: number;
  readonly emaDecay: number;
}

/** Applies optimizer steps to a state. */
export interface Optimizer {
  /** One step with the gradients summed in the state, which it clears; returns their norm before clipping. */
  step(state: TrainState, rates: StepRates): Promise<number>;
  release(): Promise<void>;
}

interface Programs {
  readonly update: Program;
  readonly average: Program;
}

/** Compiles the update of a state's vectors. */
export async function createOptimizer(
  runtime: Runtime,
  state: TrainState,
  options: SessionOptions,
): Promise<Optimizer> {
  // Pieces are too small to share among threads.
  const open = (g: Graph) => openModel(runtime, toOnnx(g, { freeAxes: anyLength(g) }), { ...options, threads: 1 });
  const programs = { update: await open(updateGraph(state.optimizer)), average: await open(averageGraph()) };
  return {
    step: (s, rates) => step(programs, s, rates),
    release: async () => {
      await programs.update.release();
      await programs.average.release();
    },
  };
}

const anyLength = (g: Graph): Record<string, Record<number, string>> =>
  Object.fromEntries(
    [...g.inputs, ...g.outputs].filter(([, { shape }]) => shape.length === 1).map(([name]) => [name, { 0: "n" }]),
  );

async function step({ update, average }: Programs, state: TrainState, rates: StepRates): Promise<number> {
  const norm = gradientNorm(state);
  const numbers = scalarsOf(state, rates, norm);
  for (const group of groupNames) {
    const own = new Map([...numbers, ...groupScalars(group, rates)]);
    const pairs = new Map(
      ["w", "ema", ...momentsOf(state.optimizer)].map((name) => [name, pairOf(state, `${group}.${name}`)]),
    );
    await inPieces(update, { pairs, vectors: new Map([["g", state.gradients[group]]]), numbers: own });
  }
  const buffers = new Map([["ema", pairOf(state, "buffer.ema")]]);
  await inPieces(average, { pairs: buffers, vectors: new Map([["w", state.buffer]]), numbers });
  for (const pair of state.pairs.values()) pair.reverse();
  for (const group of groupNames) state.gradients[group].fill(0);
  state.steps++;
  state.updates++;
  return norm;
}

const pairOf = (state: TrainState, name: string): Pair => state.pairs.get(name)!;

const number = (value: number): HostArray => hostArray("float32", [], Float32Array.of(value));

function scalarsOf(state: TrainState, rates: StepRates, norm: number): Map<string, HostArray> {
  const [first, second] = adamCorrections(rates.momentum, state.steps + 1);
  // As torch.nn.utils.clip_grad_norm_: limit / (norm + 1e-6), at most 1.
  const scale = rates.clipNorm === undefined ? 1 : Math.min(1, rates.clipNorm / (norm + 1e-6));
  return new Map([
    ["momentum", number(rates.momentum)],
    ["scale", number(scale)],
    ["average", number(rates.emaDecay)],
    ["correction1", number(first)],
    ["correction2", number(second)],
  ]);
}

const groupScalars = (group: GroupName, { biasLr, lr, weightDecay }: StepRates): [string, HostArray][] => [
  ["lr", number(group === "bias" ? biasLr : lr)],
  ["decay", number(group === "weight" ? weightDecay : 0)],
];

interface Work {
  /** Read from the first array of each, written to the second under the name with `'`. */
  readonly pairs: ReadonlyMap<string, Pair>;
  readonly vectors: ReadonlyMap<string, Float32Array>;
  readonly numbers: ReadonlyMap<string, HostArray>;
}

// 512 KiB a vector, so that what lies between the operators stays in the processor's cache.
const piece = 131_072;

async function inPieces(program: Program, { pairs, vectors, numbers }: Work): Promise<void> {
  const length = [...pairs.values()][0][0].length;
  for (let at = 0; at < length; at += piece) {
    const part = (vector: Float32Array) => {
      const view = vector.subarray(at, at + piece);
      return hostArray("float32", [view.length], view);
    };
    const feeds = new Map(numbers);
    const into = new Map<string, HostArray>();
    for (const [name, vector] of vectors) feeds.set(name, part(vector));
    for (const [name, [now, next]] of pairs) {
      feeds.set(name, part(now));
      into.set(`${name}'`, part(next));
    }
    await program.run(feeds, into);
  }
}

/** The Euclidean norm of all summed gradients. */
export function gradientNorm(state: TrainState): number {
  let sum = 0;
  for (const group of groupNames) {
    const g = state.gradients[group];
    for (let i = 0; i < g.length; i++) sum += g[i] * g[i];
  }
  return Math.sqrt(sum);
}
