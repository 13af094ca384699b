import type { RunBatch, RunEnd, RunEpoch, RunStart } from "../training/events.js";
import type { Report } from "../training/loop.js";
import type { BatchProgress, EpochFigures } from "../training/pictureRun.js";

/** What happens while a network is pretrained, in the order it happens. */
export type PretrainEvent = PretrainStart | Report | PretrainBatch | PretrainEpoch | PretrainEnd;

interface OfPretrain {
  readonly task: "pretrain";
}

export type PretrainStart = RunStart & OfPretrain & Required<Pick<RunStart, "recipe">>;

export interface PretrainBatch extends RunBatch, OfPretrain, BatchProgress {}

export interface PretrainEpoch extends RunEpoch, OfPretrain, EpochFigures {
  /** Undefined without validation. */
  readonly valLoss?: number;
}

/** The best epoch is the one of the lowest validation loss. */
export type PretrainEnd = RunEnd<{ loss: number }> & OfPretrain;
