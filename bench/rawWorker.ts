import { readSafetensors } from "swinyolo/engine";
import { hostArray } from "swinyolo/graph";
import { watchedRuntime } from "./runtime.js";
import { serve } from "./serve.js";

/** ONNX Runtime alone on the exported file, the pictures ready as numbers from 0 to 1: what is left of ours is overhead. */
await serve(process.argv.slice(2), async ({ tensors, exported, threads, waiting }) => {
  if (!exported) throw new Error("the case has no exported file");
  const { runtime } = await watchedRuntime({ waiting });
  const session = await runtime.InferenceSession.create(exported, {
    intraOpNumThreads: threads,
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  });
  const { shape, data } = (await readSafetensors(tensors)).tensors.get("input.images")!;
  const images = new runtime.Tensor(
    "float32",
    Float32Array.from(data as Uint8Array, (value) => value / 255),
    shape,
  );
  return {
    step: async (results) => {
      const { output0 } = await session.run({ images });
      const rows = output0.data as Float32Array;
      results?.set("rows", hostArray("float32", output0.dims, rows));
      return { value: rows[0] };
    },
  };
});
