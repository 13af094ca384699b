import type { ClassBatch, Loader } from "../../data/index.js";
import { type HostArray, hostArray } from "../../graph/index.js";
import { accuracy, type Classified } from "../metrics/accuracy.js";

/** How well classes are told. */
export interface ClassEvaluation {
  readonly top1: number;
  readonly top5: number;
  /** Mean cross entropy. */
  readonly loss: number;
  readonly images: number;
  readonly results: readonly ClassifiedPicture[];
  /** Milliseconds a picture. */
  readonly ms: { readonly loading: number; readonly inference: number };
}

export interface ClassifiedPicture extends Classified {
  readonly path: string;
}

export interface EvaluateOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
  readonly onBatch?: (batch: ClassBatch, probabilities: readonly Float32Array[]) => void;
}

/** Goes through a loader's pictures; `run` gives the probabilities of the classes for normalised pictures [b, 3, h, w]. */
export async function evaluateClasses(
  run: (images: HostArray) => Promise<readonly Float32Array[]>,
  loader: Loader<ClassBatch>,
  { signal, onProgress, onBatch }: EvaluateOptions = {},
): Promise<ClassEvaluation> {
  const results: ClassifiedPicture[] = [];
  const begun = performance.now();
  let inference = 0;
  for await (const batch of loader.epoch(0)) {
    signal?.throwIfAborted();
    const start = performance.now();
    const rows = await run(hostArray("float32", batch.shape, batch.images));
    inference += performance.now() - start;
    batch.sources.forEach(({ path, label }, i) => {
      results.push({ path, label, probabilities: rows[i] });
    });
    onBatch?.(batch, rows);
    onProgress?.(results.length);
  }
  const images = results.length;
  const loss = results.reduce(
    (sum, { probabilities, label }) => sum - Math.log(Math.max(probabilities[label], 1e-12)),
    0,
  );
  const loading = performance.now() - begun - inference;
  const each = (sum: number) => sum / Math.max(images, 1);
  return {
    ...accuracy(results),
    loss: each(loss),
    images,
    results,
    ms: { loading: each(loading), inference: each(inference) },
  };
}
