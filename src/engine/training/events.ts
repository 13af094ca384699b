/** What happens while training, in the order it happens. */
export type TrainEvent =
  | {
      readonly type: "start";
      readonly run: string;
      readonly images: number;
      readonly batches: number;
      readonly epochs: number;
      readonly parameters: number;
      readonly resumedFrom?: number;
    }
  | { readonly type: "report"; readonly message: string }
  | BatchEvent
  | EpochEvent
  | EndEvent;

export interface BatchEvent {
  readonly type: "batch";
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
  /** Means over the epoch so far. */
  readonly box: number;
  readonly obj: number;
  readonly cls: number;
  readonly instances: number;
  readonly size: number;
  readonly secondsLeft: number;
}

export interface EpochEvent {
  readonly type: "epoch";
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly box: number;
  readonly obj: number;
  readonly cls: number;
  /** Undefined without validation. */
  readonly precision?: number;
  readonly recall?: number;
  readonly map50?: number;
  readonly map?: number;
  readonly lr: number;
  readonly seconds: number;
  /** The share of these seconds, from 0 to 1, that training waited for batches. */
  readonly wait: number;
  readonly imagesPerSecond: number;
}

export interface EndEvent {
  readonly type: "end";
  readonly run: string;
  readonly epochs: number;
  readonly best: { readonly epoch: number; readonly map50: number; readonly map: number };
  readonly weights: string;
}
