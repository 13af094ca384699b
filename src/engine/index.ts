export * from "./weights/files.js";
export { type PtFile, parsePt } from "./weights/pt.js";
export { encodePt } from "./weights/ptWrite.js";
export { encodeSafetensors, parseSafetensors, type Safetensors } from "./weights/safetensors.js";
export { loadRuntime } from "./runtime.js";
export * from "./training/optimizer.js";
export * from "./training/state.js";
export * from "./training/step.js";
