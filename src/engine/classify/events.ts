import type { RunBatch, RunEnd, RunEpoch, RunStart } from "../training/events.js";
import type { Report } from "../training/loop.js";
import type { BatchProgress, EpochFigures } from "../training/pictureRun.js";

/** What happens while a classifier is trained, in the order it happens. */
export type ClassifyEvent = ClassifyStart | Report | ClassifyBatch | ClassifyEpoch | ClassifyEnd;

interface OfClassify {
  readonly task: "classify";
}

export type ClassifyStart = RunStart & OfClassify & Required<Pick<RunStart, "classes" | "recipe">>;

export interface ClassifyBatch extends RunBatch, OfClassify, BatchProgress {}

export interface ClassifyEpoch extends RunEpoch, OfClassify, EpochFigures {
  /** Undefined without validation. */
  readonly valLoss?: number;
  readonly top1?: number;
  readonly top5?: number;
}

export type ClassifyEnd = RunEnd<{ top1: number; top5: number }> & OfClassify;
