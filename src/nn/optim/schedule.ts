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

/** The learning rate of a run counted in optimizer steps, as classifiers are trained. */
export interface StepSchedule {
  readonly kind: "cosine" | "linear" | "step";
  /** Steps of the whole run, and of its warm-up. */
  readonly steps: number;
  readonly warmupSteps: number;
  readonly lr0: number;
  /** Where the warm-up starts. */
  readonly warmupLr: number;
  /** Where the rate ends (cosine, linear). */
  readonly minLr: number;
  /** With `step`: the rate is a tenth after so many steps. */
  readonly decaySteps?: number;
  /** The rate changes only every so many steps; 1. */
  readonly hold?: number;
}

/**
 * The rate at step `t` counted from 0: straight from `warmupLr` to `lr0`, then down. `lr0` of a group of parameters may be its
 * own; the ends of the warm-up and of the run are the same for all.
 */
export function stepRateAt(t: number, schedule: StepSchedule, lr0 = schedule.lr0): number {
  const { kind, steps, warmupSteps, warmupLr, minLr, decaySteps = 1, hold = 1 } = schedule;
  const held = Math.floor(t / hold) * hold;
  if (held < warmupSteps) return warmupLr + (held * (lr0 - warmupLr)) / warmupSteps;
  if (kind === "step") return lr0 * 0.1 ** Math.floor(held / decaySteps);
  const done = Math.min((held - warmupSteps) / Math.max(steps - warmupSteps, 1), 1);
  return kind === "linear" ? lr0 + (minLr - lr0) * done : minLr + 0.5 * (lr0 - minLr) * (1 + Math.cos(Math.PI * done));
}

/** Rounding as Python and PyTorch do it: halves to the even neighbour. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
