export { convBlock } from "./blocks/conv.js";
export * from "./blocks/define.js";
export { blocks } from "./blocks/index.js";
export * from "./build/config.js";
export { buildClassifier, type ClassifierOptions, isClassifier } from "./build/families.js";
export * from "./build/model.js";
export type { RowsClassifier } from "./build/rowsClassifier.js";
export { type RowWindows, rowWindows, withRowWindows } from "./build/windows.js";
export type { Classifier } from "./classifier.js";
export { countFlops } from "./flops.js";
export { type DetectHead, type DetectOptions, detectHead } from "./heads/detect.js";
export * from "./init.js";
export { type Activation, parseActivation } from "./layers/activation.js";
export * from "./layers/basic.js";
export * from "./losses/assign.js";
export { crossEntropy, logSoftmax } from "./losses/crossEntropy.js";
export * from "./losses/iou.js";
export * from "./losses/yolov5.js";
export * from "./module.js";
export * from "./optim/hostUpdate.js";
export * from "./optim/schedule.js";
export * from "./optim/update.js";
export { type WindowAttention, type WindowAttentionOptions, windowAttention } from "./swin/attention.js";
export { type StageOutput, type SwinBackbone, type SwinRunOptions, swinBackbone } from "./swin/backbone.js";
export {
  buildSwinClassifier,
  isSwin,
  type SwinClassifier,
  type SwinFeatures,
  type SwinRun,
} from "./swin/classifier.js";
export * from "./swin/config.js";
export { swinMultiplyAdds } from "./swin/count.js";
export { swinFeatures } from "./swin/dense.js";
export { type SwinLayerOptions, swinTokens, type TokenModule } from "./swin/layer.js";
export { type SwinLayerV1Options, swinTokensV1 } from "./swin/layerV1.js";
export { maskedLoss, type Simmim, simmim } from "./swin/simmim.js";
export * from "./swin/window.js";
export { readSwin, swinYaml } from "./swin/yaml.js";
