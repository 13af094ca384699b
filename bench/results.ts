import { gradientViews, type TrainState } from "swinyolo/engine";
import { type HostArray, hostArray } from "swinyolo/graph";

/** The summed gradients of a state, as `grad.NAME`. */
export function gradientsOf(state: TrainState): Map<string, HostArray> {
  const found = new Map<string, HostArray>();
  copy(gradientViews(state, state.gradients), "grad.", found);
  return found;
}

/** Copies of the float arrays, under a prefix. */
export function copy(from: ReadonlyMap<string, HostArray>, prefix: string, into: Map<string, HostArray>): void {
  for (const [name, { dtype, shape, data }] of from) {
    if (dtype === "float32") into.set(prefix + name, hostArray(dtype, shape, data.slice()));
  }
}
