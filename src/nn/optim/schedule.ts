/** What decides learning rate, momentum and accumulation over a training run. */
export interface ScheduleOptions {
  readonly epochs: number;
  /** Batches an epoch. */
  readonly batches: number;
  readonly batch: number;
  readonly nominalBatch: number;
  readonly lr0: number;
  readonly lrf: number;
  readonly momentum: number;
  readonly warmupEpochs: number;
  readonly warmupMomentum: number;
  readonly warmupBiasLr: number;
  readonly cosine: boolean;
  /** The fewest iterations of a warm-up that is not off: 100 in YOLOv5. */
  readonly leastWarmup?: number;
}

export interface Rates {
  readonly biasLr: number;
  readonly lr: number;
  readonly momentum: number;
  /** Batches whose gradients are added up before a step. */
  readonly accumulate: number;
}

/** Iterations of warm-up: at least 100, unless it is off. */
export const warmupIterations = ({ warmupEpochs, batches, leastWarmup = 100 }: ScheduleOptions): number =>
  Math.max(roundHalfEven(warmupEpochs * batches), leastWarmup);

/** The factor on lr0 at an epoch counted from 0: from 1 down to lrf, straight or along a cosine. */
export const decayFactor = (
  epoch: number,
  { epochs, lrf, cosine }: Pick<ScheduleOptions, "epochs" | "lrf" | "cosine">,
): number =>
  cosine ? ((1 - Math.cos((Math.PI * epoch) / epochs)) / 2) * (lrf - 1) + 1 : (1 - epoch / epochs) * (1 - lrf) + lrf;

/** Rates at an iteration counted from 0 over the whole run. */
export function ratesAt(iteration: number, options: ScheduleOptions): Rates {
  const { batches, batch, nominalBatch, lr0, momentum, warmupBiasLr, warmupMomentum } = options;
  const lr = lr0 * decayFactor(Math.floor(iteration / batches), options);
  const warm = warmupIterations(options);
  if (iteration > warm) return { biasLr: lr, lr, momentum, accumulate: accumulation(batch, nominalBatch) };
  const along = (from: number, to: number) => from + ((to - from) * iteration) / warm;
  return {
    biasLr: along(warmupBiasLr, lr),
    lr: along(0, lr),
    momentum: along(warmupMomentum, momentum),
    accumulate: Math.max(1, roundHalfEven(along(1, nominalBatch / batch))),
  };
}

/** Batches to add up for one step of the nominal batch size. */
export const accumulation = (batch: number, nominalBatch: number): number =>
  Math.max(roundHalfEven(nominalBatch / batch), 1);

/** The factor on the weight decay for the batch that is really taken. */
export const weightDecayScale = (batch: number, nominalBatch: number): number =>
  (batch * accumulation(batch, nominalBatch)) / nominalBatch;

/** Factors on the loss gains for the number of levels, classes and the picture size. */
export const lossGainScale = (
  levels: number,
  classes: number,
  imageSize: number,
): { box: number; obj: number; cls: number } => ({
  box: 3 / levels,
  cls: ((classes / 80) * 3) / levels,
  obj: ((imageSize / 640) ** 2 * 3) / levels,
});

/** The share of the old average in the EMA after the given number of updates (counted from 1). */
export const emaDecay = (updates: number, { decay = 0.9999, tau = 2000 } = {}): number =>
  decay * (1 - Math.exp(-updates / tau));

/** Rounding as Python and PyTorch do it: halves to the even neighbour. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
