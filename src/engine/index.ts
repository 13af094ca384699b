export * from "./weights/safetensors.js";
