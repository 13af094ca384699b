import type { Runtime } from "../../graph/index.js";
import type { LoadedModel } from "../model.js";
import type { Backend } from "./detect.js";
import { createForward, type ForwardOptions } from "./forward.js";

/** A detector of ours as something to detect with. */
export function nativeBackend(
  runtime: Runtime,
  { model, weights, names }: LoadedModel,
  options: ForwardOptions,
): Backend {
  const forward = createForward(runtime, model, { ...options, weights });
  return {
    names,
    stride: model.stride,
    run: async (images) => (await forward.run(images)).rows,
    release: () => forward.release(),
  };
}
