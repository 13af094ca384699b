import type { ScheduleOptions } from "../../nn/index.js";
import { choosePreset } from "./preset.js";
import type { Hyp, TrainSettings } from "./settings.js";

/** The preset of a run with so many batches an epoch, and the schedule of rates that comes of it. */
export function scheduleOf(settings: TrainSettings, hyp: Hyp, batches: number) {
  const { epochs, batch, nbs } = settings;
  const preset = choosePreset(settings.preset, { epochs, batches, batch, nbs, warmupEpochs: hyp.warmup_epochs });
  const schedule: ScheduleOptions = {
    epochs,
    batches,
    batch,
    nominalBatch: preset.settings.nbs,
    lr0: hyp.lr0,
    lrf: hyp.lrf,
    momentum: hyp.momentum,
    warmupEpochs: preset.settings.warmupEpochs,
    warmupMomentum: hyp.warmup_momentum,
    warmupBiasLr: hyp.warmup_bias_lr,
    cosine: settings.cos_lr,
    leastWarmup: preset.settings.leastWarmup,
  };
  return { preset, schedule };
}
