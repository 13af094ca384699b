import { availableParallelism } from "node:os";
import type { Runtime } from "../graph/index.js";

let loaded: Promise<Runtime> | undefined;

/**
 * ONNX Runtime for Node, loaded once, on first use. Its telemetry is switched off before the native part loads, unless the
 * user has set the variable; sessions that do not say otherwise use the machine's cores.
 */
export function loadRuntime(): Promise<Runtime> {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  loaded ??= import("onnxruntime-node").then((ort) => withThreads(ort as unknown as Runtime));
  return loaded;
}

// ONNX Runtime's own choice is one thread a physical core, which it counts as one in many virtual machines.
function withThreads({ InferenceSession, Tensor, listSupportedBackends }: Runtime): Runtime {
  const processors = availableParallelism();
  const intraOpNumThreads = processors <= 4 ? processors : Math.ceil(processors / 2);
  return {
    Tensor,
    listSupportedBackends,
    InferenceSession: { create: (model, options) => InferenceSession.create(model, { intraOpNumThreads, ...options }) },
  };
}
