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
import { adamCorrections, averageGraph, momentsOf, updateGraph } from "../../nn/index.js";
import type { Steppable, TrainState } from "./state.js";

export interface StepRates {
  readonly biasLr: number;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; no limit where left out. */
  readonly clipNorm?: number;
  readonly emaDecay: number;
  /** Rate and decay of each group; where left out `biasLr` is for biases and `weightDecay` for weights only. */
  readonly ofGroup?: (group: string) => { readonly lr: number; readonly weightDecay: number };
}

/** Applies optimizer steps to a state. */
export interface Optimizer {
  /**
   * One step with the gradients summed in the state, which it clears; returns their norm before clipping. Where that is not a
   * number the gradients are dropped and nothing else changes. For a part of a state
   * (`shardState`) the norm of all gradients is handed in.
   */
  step(state: Steppable, rates: StepRates, norm?: number): Promise<number>;
  release(): Promise<void>;
}

interface Programs {
  readonly update: Program;
  readonly average: Program;
}

/** Compiles the update of a state's vectors. */
export async function createOptimizer(
  runtime: Runtime,
  state: Pick<TrainState, "optimizer">,
  options: SessionOptions,
): Promise<Optimizer> {
  // One thread: those of the gradients' session still spin when the update begins, and more would wait for a core.
  const open = (g: Graph) => openModel(runtime, toOnnx(g, { freeAxes: anyLength(g) }), { ...options, threads: 1 });
  const programs = { update: await open(updateGraph(state.optimizer)), average: await open(averageGraph()) };
  return {
    step: (s, rates, norm = gradientNorm(s)) => step(programs, s, { rates, norm }),
    release: async () => {
      await programs.update.release();
      await programs.average.release();
    },
  };
}

/** Names for the free length of every vector that goes in or out. */
export const anyLength = (g: Graph): Record<string, Record<number, string>> =>
  Object.fromEntries(
    [...g.inputs, ...g.outputs].filter(([, { shape }]) => shape.length === 1).map(([name]) => [name, { 0: "n" }]),
  );

async function step(
  { update, average }: Programs,
  state: Steppable,
  { rates, norm }: { rates: StepRates; norm: number },
): Promise<number> {
  if (!Number.isFinite(norm)) {
    state.pending = 0;
    return norm;
  }
  const numbers = updateScalars(state, rates, norm);
  for (const group of Object.keys(state.gradients)) {
    const changed = new Map(
      ["w", "ema", ...momentsOf(state.optimizer)].map((name) => [name, state.vectors.get(`${group}.${name}`)!]),
    );
    const own = new Map([...numbers, ...groupScalars(group, rates)]);
    await inPieces(update, { changed, read: new Map([["g", state.gradients[group]]]), numbers: own });
  }
  const changed = new Map([["ema", state.vectors.get("buffer.ema")!]]);
  await inPieces(average, { changed, read: new Map([["w", state.buffer]]), numbers });
  state.pending = 0;
  state.steps++;
  state.updates++;
  return norm;
}

const number = (value: number): HostArray => hostArray("float32", [], Float32Array.of(value));

/** The numbers that all vectors of one update share; `norm` is that of the summed gradients. */
export function updateScalars(state: Steppable, rates: StepRates, norm: number): Map<string, HostArray> {
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

/** The numbers of one parameter group. */
export function groupScalars(group: string, { biasLr, lr, weightDecay, ofGroup }: StepRates): [string, HostArray][] {
  const own = ofGroup?.(group) ?? {
    lr: group === "bias" ? biasLr : lr,
    weightDecay: group === "weight" ? weightDecay : 0,
  };
  return [
    ["lr", number(own.lr)],
    ["decay", number(own.weightDecay)],
  ];
}

interface Work {
  /** Each gets the output of its name with `'`. */
  readonly changed: ReadonlyMap<string, Float32Array>;
  readonly read: ReadonlyMap<string, Float32Array>;
  readonly numbers: ReadonlyMap<string, HostArray>;
}

// 512 KiB a vector, so that what lies between the operators stays in the processor's cache.
const piece = 131_072;

// New numbers are written over the old ones: whatever reads an old vector comes, in these graphs, before what makes the new.
async function inPieces(program: Program, { changed, read, numbers }: Work): Promise<void> {
  const length = [...changed.values()][0].length;
  for (let at = 0; at < length; at += piece) {
    const part = (vector: Float32Array) => {
      const view = vector.subarray(at, at + piece);
      return hostArray("float32", [view.length], view);
    };
    const parts = [...changed].map(([name, vector]): [string, HostArray] => [name, part(vector)]);
    const feeds = new Map([
      ...numbers,
      ...parts,
      ...[...read].map(([name, v]): [string, HostArray] => [name, part(v)]),
    ]);
    await program.run(feeds, new Map(parts.map(([name, array]) => [`${name}'`, array])));
  }
}

/** The Euclidean norm of all summed gradients. */
export const gradientNorm = (state: Pick<TrainState, "gradients">): number => Math.sqrt(gradientSquares(state));

/** The sum of squares of all summed gradients. */
export const gradientSquares = ({ gradients }: Pick<TrainState, "gradients">): number =>
  Object.values(gradients).reduce((sum, vector) => sum + sumOfSquares(vector), 0);

// Four sums at a time, which do not wait for one another.
function sumOfSquares(v: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = v.length - (v.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += v[i] * v[i];
    b += v[i + 1] * v[i + 1];
    c += v[i + 2] * v[i + 2];
    d += v[i + 3] * v[i + 3];
  }
  for (let i = whole; i < v.length; i++) a += v[i] * v[i];
  return a + b + c + d;
}
