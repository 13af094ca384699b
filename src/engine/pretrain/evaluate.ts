import { type ClassBatch, type Loader, rng } from "../../data/index.js";
import { compile, type HostArray, hostArray, type Runtime, type SessionOptions } from "../../graph/index.js";
import type { Simmim } from "../../nn/index.js";
import { programsByShape } from "../inference/forward.js";
import type { PretrainSettings } from "./settings.js";
import { type Hidden, hide, reconstructGraph } from "./step.js";

/** A batch with what was hidden and what was made of it. */
export interface Reconstructed {
  readonly batch: ClassBatch;
  readonly hidden: Hidden;
  /** Pictures [b, 3, h, w], normalised as the targets are. */
  readonly made: Float32Array;
}

/** Validates with the same masks every time; weights come with every call. */
export function createEvaluation(
  runtime: Runtime,
  model: Simmim,
  { settings, session }: { settings: PretrainSettings; session: SessionOptions },
) {
  const programs = programsByShape({ ...session, keep: 2 }, (shape) =>
    compile(runtime, reconstructGraph(model, shape), session),
  );
  const rngOf = (index: number) => rng(settings.seed, "mask", "val", index);
  return {
    /** The mean loss over a loader's pictures, and the first batch. */
    async run(
      weights: ReadonlyMap<string, HostArray>,
      loader: Loader<ClassBatch>,
      { signal }: { signal?: AbortSignal } = {},
    ): Promise<{ loss: number; first: Reconstructed }> {
      let [sum, count] = [0, 0];
      let first: Reconstructed | undefined;
      for await (const batch of loader.epoch(0)) {
        signal?.throwIfAborted();
        const hidden = hide(batch, settings, { patch: model.patch, rngOf });
        const images = hostArray("float32", batch.shape, batch.images);
        const program = await programs.get(batch.shape);
        const found = await program.run(new Map([...weights, ...Object.entries({ images, ...hidden })]));
        sum += (found.get("loss")!.data as Float32Array)[0] * batch.shape[0];
        count += batch.shape[0];
        first ??= { batch, hidden, made: found.get("made")!.data as Float32Array };
      }
      if (!first) throw new Error("no pictures to validate on");
      return { loss: sum / count, first };
    },
    release: programs.release,
  };
}
