import type { Runtime } from "../graph/index.js";

let loaded: Promise<Runtime> | undefined;

/**
 * ONNX Runtime for Node, loaded once, on first use. Its telemetry is switched off before the native part loads, unless the
 * user has set the variable.
 */
export function loadRuntime(): Promise<Runtime> {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  loaded ??= import("onnxruntime-node").then((ort) => ort as unknown as Runtime);
  return loaded;
}
