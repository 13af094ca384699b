import type { Report } from "../training/loop.js";
import type { BatchProgress, EpochFigures } from "../training/pictureRun.js";

/** What happens while a network is pretrained, in the order it happens. */
export type PretrainEvent = PretrainStart | Report | PretrainBatch | PretrainEpoch | PretrainEnd;

export interface PretrainStart {
  readonly type: "start";
  readonly task: "pretrain";
  readonly run: string;
  readonly images: number;
  readonly batches: number;
  readonly epochs: number;
  readonly parameters: number;
  readonly recipe: string;
  readonly resumedFrom?: number;
}

export interface PretrainBatch extends BatchProgress {
  readonly type: "batch";
  readonly task: "pretrain";
}

export interface PretrainEpoch extends EpochFigures {
  readonly type: "epoch";
  readonly task: "pretrain";
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Undefined without validation. */
  readonly valLoss?: number;
}

export interface PretrainEnd {
  readonly type: "end";
  readonly task: "pretrain";
  readonly run: string;
  readonly epochs: number;
  /** The epoch of the lowest validation loss. */
  readonly best: { readonly epoch: number; readonly loss: number };
  readonly weights: string;
}
