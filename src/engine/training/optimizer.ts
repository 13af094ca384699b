import {
  adamCorrections,
  averageOnHost,
  type UpdateNumbers,
  type UpdateVectors,
  updateOnHost,
} from "../../nn/index.js";
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
}

/** Steps states that lie in the host's memory. */
export const hostOptimizer: Optimizer = {
  async step(state, rates, norm = gradientNorm(state)) {
    if (!Number.isFinite(norm)) {
      state.pending = 0;
      return norm;
    }
    const shared = sharedNumbers(state, rates, norm);
    for (const group of Object.keys(state.gradients)) {
      updateOnHost(state.optimizer, vectorsOf(state, group), { ...shared, ...groupNumbers(group, rates) });
    }
    averageOnHost(state.vectors.get("buffer.ema")!, state.buffer, shared.average);
    state.pending = 0;
    state.steps++;
    state.updates++;
    return norm;
  },
};

function vectorsOf({ vectors, gradients }: Steppable, group: string): UpdateVectors {
  const of = (name: string) => vectors.get(`${group}.${name}`);
  return { w: of("w")!, g: gradients[group], m: of("m")!, v: of("v"), ema: of("ema")! };
}

/** The numbers that all vectors of one update share; `norm` is that of the summed gradients. */
export function sharedNumbers(
  state: Pick<Steppable, "steps">,
  rates: StepRates,
  norm: number,
): Omit<UpdateNumbers, keyof GroupNumbers> {
  const [correction1, correction2] = adamCorrections(rates.momentum, state.steps + 1);
  // As torch.nn.utils.clip_grad_norm_: limit / (norm + 1e-6), at most 1.
  const scale = rates.clipNorm === undefined ? 1 : Math.min(1, rates.clipNorm / (norm + 1e-6));
  return { momentum: rates.momentum, scale, average: rates.emaDecay, correction1, correction2 };
}

type GroupNumbers = Pick<UpdateNumbers, "lr" | "decay">;

/** The numbers of one parameter group. */
export function groupNumbers(group: string, { biasLr, lr, weightDecay, ofGroup }: StepRates): GroupNumbers {
  const own = ofGroup?.(group) ?? {
    lr: group === "bias" ? biasLr : lr,
    weightDecay: group === "weight" ? weightDecay : 0,
  };
  return { lr: own.lr, decay: own.weightDecay };
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
