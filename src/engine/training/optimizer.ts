import {
  compile,
  type HostArray,
  hostArray,
  type Program,
  type Runtime,
  type SessionOptions,
} from "../../graph/index.js";
import { adamCorrections, groupNames, momentsOf, updateGraph } from "../../nn/index.js";
import type { TrainState } from "./state.js";

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

/** Compiles the update of a state's vectors. */
export async function createOptimizer(
  runtime: Runtime,
  state: TrainState,
  options: SessionOptions,
): Promise<Optimizer> {
  const program = await compile(runtime, updateGraph(state.optimizer, state.sizes), options);
  return { step: (s, rates) => step(program, s, rates), release: () => program.release() };
}

async function step(program: Program, state: TrainState, rates: StepRates): Promise<number> {
  const norm = gradientNorm(state);
  const feeds = new Map<string, HostArray>();
  const into = new Map<string, HostArray>();
  const vector = (data: Float32Array) => hostArray("float32", [data.length], data);
  const number = (name: string, value: number) => feeds.set(name, hostArray("float32", [], Float32Array.of(value)));
  for (const group of groupNames) {
    feeds.set(`${group}.g`, vector(state.gradients[group]));
    number(`${group}.lr`, group === "bias" ? rates.biasLr : rates.lr);
  }
  for (const [name, [now, next]] of state.pairs) {
    feeds.set(name, vector(now));
    into.set(`${name}'`, vector(next));
  }
  feeds.set("buffer", vector(state.buffer));
  number("momentum", rates.momentum);
  number("decay", rates.weightDecay);
  // As torch.nn.utils.clip_grad_norm_: limit / (norm + 1e-6), at most 1.
  number("scale", rates.clipNorm === undefined ? 1 : Math.min(1, rates.clipNorm / (norm + 1e-6)));
  number("ema", rates.emaDecay);
  if (momentsOf(state.optimizer).length > 1) {
    const [first, second] = adamCorrections(rates.momentum, state.steps + 1);
    number("correction1", first);
    number("correction2", second);
  }
  await program.run(feeds, into);
  for (const pair of state.pairs.values()) pair.reverse();
  for (const group of groupNames) state.gradients[group].fill(0);
  state.steps++;
  state.updates++;
  return norm;
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
