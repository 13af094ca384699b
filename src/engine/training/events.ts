import type { Report } from "./loop.js";

// What every training task tells of.

/** A run begins. */
export interface RunStart {
  readonly type: "start";
  readonly run: string;
  readonly images: number;
  readonly batches: number;
  readonly epochs: number;
  readonly parameters: number;
  /** Of a classifier's run. */
  readonly classes?: number;
  /** Of a run on whole pictures. */
  readonly recipe?: string;
  /** The epochs that a run which goes on had done. */
  readonly resumedFrom?: number;
}

/** How far an epoch has come. */
export interface RunBatch {
  readonly type: "batch";
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
  /** Side of the pictures in pixels. */
  readonly size: number;
  readonly secondsLeft: number;
}

/** An epoch is done, validated and saved. */
export interface RunEpoch {
  readonly type: "epoch";
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly lr: number;
  readonly seconds: number;
  /** The share of these seconds, from 0 to 1, that training waited for batches. */
  readonly wait: number;
  readonly imagesPerSecond: number;
}

/** A run is over; `best` names its best epoch, counted from 1, and how good it was. */
export interface RunEnd<Best extends object> {
  readonly type: "end";
  readonly run: string;
  readonly epochs: number;
  readonly best: Readonly<Best> & { readonly epoch: number };
  readonly weights: string;
}

/** What happens while a detector is trained, in the order it happens. */
export type TrainEvent = RunStart | Report | BatchEvent | EpochEvent | EndEvent;

export interface BatchEvent extends RunBatch {
  /** Means over the epoch so far. */
  readonly box: number;
  readonly obj: number;
  readonly cls: number;
  readonly instances: number;
}

export interface EpochEvent extends RunEpoch {
  readonly box: number;
  readonly obj: number;
  readonly cls: number;
  /** Undefined without validation. */
  readonly precision?: number;
  readonly recall?: number;
  readonly map50?: number;
  readonly map?: number;
}

export type EndEvent = RunEnd<{ map50: number; map: number }>;
