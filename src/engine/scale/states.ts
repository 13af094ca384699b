import { type Precision, stateBytes } from "./precision.js";

/** What is shared out between devices: nothing, the optimizer's state, gradients too, weights too. */
export type ZeroStage = (typeof zeroStages)[number];

export const zeroStages = [0, 1, 2, 3] as const;

export interface StatesCase {
  readonly precision: Precision;
  readonly zero: ZeroStage;
  readonly devices: number;
}

/** Model states on one device, in bytes. */
export interface StatesPlan {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
  readonly total: number;
}

/** Weights, gradients and what AdamW keeps for so many parameters (ZeRO, arXiv 1910.02054): what is shared is 1 / devices. */
export function planStates(parameters: number, { precision, zero, devices }: StatesCase): StatesPlan {
  const bytes = stateBytes[precision];
  const share = (each: number, from: ZeroStage) => (each * parameters) / (zero >= from ? devices : 1);
  const [weights, gradients, optimizer] = [
    share(bytes.weights, 3),
    share(bytes.gradients, 2),
    share(bytes.optimizer, 1),
  ];
  return { weights, gradients, optimizer, total: weights + gradients + optimizer };
}

/** What a device sends and receives in a step, in numbers for every parameter. */
export const trafficOf = ({ zero, devices }: Pick<StatesCase, "zero" | "devices">): number =>
  devices === 1 ? 0 : zero === 3 ? 3 : 2;
