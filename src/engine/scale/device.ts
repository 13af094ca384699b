import { type BufferPlan, planBuffers } from "./buffers.js";
import { blockParameters, type SwinShape, type SwinStage, swinParameters } from "./network.js";
import { type PeakCase, type PeakPlan, planActivations } from "./peak.js";
import { stateBytes } from "./precision.js";
import { planStates, type StatesCase, type StatesPlan } from "./states.js";

export interface DeviceCase extends PeakCase, StatesCase {
  readonly shape: SwinShape;
  readonly stages: readonly SwinStage[];
  readonly classes: number;
}

/** The memory of one device in training, in bytes. */
export interface DevicePlan {
  readonly parameters: number;
  readonly states: StatesPlan;
  /** Weights of the largest block, gathered while it runs where weights are shared out. */
  readonly gathered: number;
  readonly activations: PeakPlan;
  readonly buffers: BufferPlan;
  /** States, gathered weights, the peak of activations, and masks and indices shared by the blocks of a stage. */
  readonly total: number;
}

/** States and activations of a step on one of several devices. */
export function planDevice(wanted: DeviceCase): DevicePlan {
  const { shape, stages, classes, zero, devices, precision } = wanted;
  const parameters = swinParameters(shape, classes);
  const states = planStates(parameters, wanted);
  const largest = Math.max(...stages.map(({ dim, heads }) => blockParameters(dim, heads)));
  const gathered = zero === 3 && devices > 1 ? stateBytes[precision].weights * largest : 0;
  const activations = planActivations(stages, wanted);
  const buffers = planBuffers(stages);
  const total = states.total + gathered + activations.peak + buffers.sharedMasks + buffers.sharedIndices;
  return { parameters, states, gathered, activations, buffers, total };
}
