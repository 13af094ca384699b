import type { Batch } from "../sample.js";
import { type BatchSpec, batchMaker } from "./batch.js";
import { type ClassBatch, type ClassSpec, classBatchMaker } from "./classBatch.js";
import type { BatchPlan } from "./plan.js";

/** All that making batches depends on besides their plans; it can be sent to a worker. */
export type LoaderSpec = BatchSpec | ClassSpec;

/** A batch of any task. */
export type Made = Batch | ClassBatch;

/** Makes the batches of a specification: of objects, or of classes. */
export const makerOf = (spec: LoaderSpec): ((plan: BatchPlan) => Promise<Made>) =>
  "fit" in spec ? classBatchMaker(spec) : batchMaker(spec);
