export * from "./weights/pt.js";
export * from "./weights/safetensors.js";
