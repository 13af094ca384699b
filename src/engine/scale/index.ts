export { type AttentionForm, type BlockCase, type BlockPlan, mergeKept, planBlock } from "./block.js";
export { type BufferPlan, planBuffers } from "./buffers.js";
export { type DeviceCase, type DevicePlan, planDevice } from "./device.js";
export * from "./network.js";
export { type PeakCase, type PeakPlan, planActivations, type RecomputeUnit, recomputeUnits } from "./peak.js";
export { type Precision, precisions, type StateBytes, stateBytes } from "./precision.js";
export { planStates, type StatesCase, type StatesPlan, trafficOf, type ZeroStage, zeroStages } from "./states.js";
export { largestBatch, mildestSwitches, type Switches } from "./within.js";
