/** Settings that a preset may change. */
export interface PresetSettings {
  readonly nbs: number;
  readonly leastWarmup: number;
  readonly warmupEpochs: number;
}

/** Fewer optimizer steps than this in a whole run, and YOLOv5's defaults for COCO do not get a model off the ground. */
const fewSteps = 1000;

/**
 * The preset `small` is for data sets that give few optimizer steps: it steps after every batch instead of adding up
 * gradients to 64 pictures, and lets the warm-up take a twentieth of the run instead of at least 100 batches.
 */
export function choosePreset(
  wanted: "auto" | "none" | "small",
  run: { epochs: number; batches: number; batch: number; nbs: number; warmupEpochs: number },
): { name: "none" | "small"; settings: PresetSettings; steps: number } {
  const { epochs, batches, batch, nbs, warmupEpochs } = run;
  const steps = Math.floor((epochs * batches) / Math.max(Math.round(nbs / batch), 1));
  const name = wanted === "auto" ? (steps < fewSteps && batch < nbs ? "small" : "none") : wanted;
  if (name === "none") return { name, steps, settings: { nbs, leastWarmup: 100, warmupEpochs } };
  const iterations = epochs * batches;
  return {
    name,
    steps,
    settings: {
      nbs: batch,
      leastWarmup: Math.min(100, Math.ceil(iterations / 20)),
      warmupEpochs: Math.min(warmupEpochs, epochs / 20),
    },
  };
}
