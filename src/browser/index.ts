/**
 * SwinYOLO in a page or a worker: graphs, models, losses, weights, detection. Nothing here reads files or imports `node:`;
 * ONNX Runtime (onnxruntime-web) is handed in.
 */
export {
  clipBoxes,
  cxcywhToXyxy,
  scaleBoxes,
  xyxyToCxcywh,
} from "../data/boxes.js";
export { type LetterboxOptions, letterbox } from "../data/letterbox.js";
export { resize } from "../data/resize.js";
export { type Rng, rng } from "../data/rng.js";
export type { Batch, Labels, Picture, Source } from "../data/sample.js";
export {
  type Backend,
  type Box,
  type Detections,
  type DetectOptions,
  detect,
  toPlanes,
} from "../engine/inference/detect.js";
export { createForward, type Forward, forwardGraph } from "../engine/inference/forward.js";
export { type OnnxBytes, type OnnxOptions, onnxBackend } from "../engine/inference/onnx.js";
export { type NmsOptions, nonMaxSuppression } from "../engine/nms.js";
export { hostOptimizer } from "../engine/training/optimizer.js";
export { createTraining, type Training } from "../engine/training/resident.js";
export { averagedWeights, createState, currentWeights, type TrainState } from "../engine/training/state.js";
export { createGradients, type Gradients, stepGraph } from "../engine/training/step.js";
export { createSteps, type Steps } from "../engine/training/steps.js";
export { parsePt } from "../engine/weights/pt.js";
export { encodeSafetensors, parseSafetensors } from "../engine/weights/safetensors.js";
export { formatReport, transfer } from "../engine/weights/transfer.js";
export { UserError } from "../errors/index.js";
export * as graph from "../graph/index.js";
export * as nn from "../nn/index.js";
