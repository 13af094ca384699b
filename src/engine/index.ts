export { type BlockDefinition, defineBlock, type OptimizerKind, parseActivation } from "../nn/index.js";
export type { AblationEnd, AblationEvent, AblationMeasured, AblationRun, AblationTraining } from "./ablate/index.js";
export {
  ablate,
  type CallContext,
  checkData,
  exportModel,
  info,
  plan,
  predict,
  train,
  transferModel,
  val,
} from "./api.js";
export type { ClassifierInfo } from "./classifierInfo.js";
export { type ClassifierSource, type LoadedClassifier, openClassifier } from "./classifierModel.js";
export type {
  ClassifyBatch,
  ClassifyEnd,
  ClassifyEpoch,
  ClassifyEvent,
  ClassifyStart,
} from "./classify/events.js";
export type { ClassifyExportResult } from "./classify/export.js";
export { type ClassBackend, classifyGraph, fedClassifier, nativeClassifier } from "./classify/forward.js";
export type { ClassGuess, ClassPrediction } from "./classify/predict.js";
export type { ClassAccuracy, ClassifyValResult } from "./classify/val.js";
export { readHyp } from "./config/hyp.js";
export * from "./config/index.js";
export * from "./draw/index.js";
export { type ClassResult, type Evaluation, evaluate, lateMessage } from "./evaluate.js";
export type { ExportContext, ExportResult } from "./export.js";
export type { Backend, Box, Detections, DetectOptions, StageTimes } from "./inference/detect.js";
export { detect, toPlanes } from "./inference/detect.js";
export {
  Detector,
  type LoadOptions,
  type PictureInput,
  type PixelData,
  type PredictOptions,
  type Result,
} from "./inference/detector.js";
export { bindWeights, createForward, type Decodable, type Forward, forwardGraph } from "./inference/forward.js";
export type { LayerInfo, MemoryInfo, ModelInfo, Placement } from "./info.js";
export * from "./metrics/accuracy.js";
export * from "./metrics/ap.js";
export * from "./metrics/coco/index.js";
export * from "./metrics/confusion.js";
export * from "./metrics/match.js";
export { type LoadedModel, type ModelSource, openModel, readModelFile } from "./model.js";
export * from "./nms.js";
export { ahead, trailing } from "./overlap.js";
export { type Fallback, findFallbacks } from "./placement.js";
export type { PlanAlternative, TrainingPlan } from "./plan.js";
export type { Prediction } from "./predict.js";
export type { PretrainBatch, PretrainEnd, PretrainEpoch, PretrainEvent, PretrainStart } from "./pretrain/events.js";
export { estimateSimmim, type SimmimMemoryCase } from "./pretrain/memory.js";
export { type OpenedSimmim, openSimmim, type SimmimSource } from "./pretrain/open.js";
export { pretrainStepGraph } from "./pretrain/step.js";
export { loadPlots } from "./report/load.js";
export { generalFormat, resultsColumns, resultsHeader, resultsLine } from "./run/results.js";
export { loadRuntime } from "./runtime.js";
export * from "./scale/index.js";
export { type ClassifierMemory, type ClassifierMemoryCase, estimateClassifier } from "./training/classifierMemory.js";
export {
  type ClassifierStepOptions,
  classifierStep,
  type SavingOptions,
  savingForward,
} from "./training/classifierStep.js";
export { groupsOf } from "./training/depthGroups.js";
export type {
  BatchEvent,
  EndEvent,
  EpochEvent,
  RunBatch,
  RunEnd,
  RunEpoch,
  RunStart,
  TrainEvent,
} from "./training/events.js";
export { type Fit, fitMemory, gigabytes } from "./training/fit.js";
export { fitSaving, type SavingCase, type SavingSettings } from "./training/fitSaving.js";
export type { Report } from "./training/loop.js";
export { adjustLossScale, checkHalf, freshLossScale, type LossScale } from "./training/lossScale.js";
export { estimateTraining, type MemoryCase, type MemoryEstimate } from "./training/memory.js";
export * from "./training/optimizer.js";
export { createResidentTraining, createTraining, type Training } from "./training/resident.js";
export * from "./training/shards.js";
export * from "./training/state.js";
export * from "./training/step.js";
export * from "./training/steps.js";
export type { ClassifyChanges, DetectChanges, TransferContext, Transferred, WindowChange } from "./transfer/index.js";
export type { ValResult } from "./val.js";
export { readPt, readSafetensors, writeAtomic, writePt, writeSafetensors } from "./weights/files.js";
export { countParameters, type Imported, importWeights } from "./weights/importWeights.js";
export { loadWeights, type Weights } from "./weights/load.js";
export { type PtFile, parsePt } from "./weights/pt.js";
export { encodePt } from "./weights/ptWrite.js";
export { encodeSafetensors, parseSafetensors, type Safetensors } from "./weights/safetensors.js";
export { formatReport, isDerived, type TransferReport, transfer, type Wanted } from "./weights/transfer.js";
