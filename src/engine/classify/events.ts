import type { Report } from "../training/loop.js";

/** What happens while a classifier is trained, in the order it happens. */
export type ClassifyEvent = ClassifyStart | Report | ClassifyBatch | ClassifyEpoch | ClassifyEnd;

export interface ClassifyStart {
  readonly type: "start";
  readonly task: "classify";
  readonly run: string;
  readonly images: number;
  readonly classes: number;
  readonly batches: number;
  readonly epochs: number;
  readonly parameters: number;
  readonly recipe: string;
  readonly resumedFrom?: number;
}

export interface ClassifyBatch {
  readonly type: "batch";
  readonly task: "classify";
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
  /** Mean over the epoch so far. */
  readonly loss: number;
  readonly size: number;
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
}

export interface ClassifyEpoch {
  readonly type: "epoch";
  readonly task: "classify";
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly loss: number;
  /** Undefined without validation. */
  readonly valLoss?: number;
  readonly top1?: number;
  readonly top5?: number;
  readonly lr: number;
  readonly seconds: number;
  /** The share of these seconds, from 0 to 1, that training waited for batches. */
  readonly wait: number;
  readonly imagesPerSecond: number;
}

export interface ClassifyEnd {
  readonly type: "end";
  readonly task: "classify";
  readonly run: string;
  readonly epochs: number;
  readonly best: { readonly epoch: number; readonly top1: number; readonly top5: number };
  readonly weights: string;
}
