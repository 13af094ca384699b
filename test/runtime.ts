import type { Runtime } from "swinyolo/graph";

/** ONNX Runtime with its telemetry off, loaded on first use. */
export async function runtime(): Promise<Runtime> {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  return (await import("onnxruntime-node")) as unknown as Runtime;
}
