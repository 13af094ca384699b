import { augmentForClass, type ClassifyAugment, normalised } from "../augment/classify.js";
import { drawMix, mixPictures, softTargets } from "../augment/mix.js";
import { type Fit, fitSquare } from "../crop.js";
import { mapConcurrent } from "../datasets/concurrent.js";
import { decodePicture } from "../datasets/decode.js";
import { rng } from "../rng.js";
import { cachedPictures } from "./caches.js";
import { entryAt, type PackedEntries } from "./packed.js";
import type { BatchPlan } from "./plan.js";
import type { RamCache } from "./ramCache.js";

/** What a classifier is fed, and what it should say. */
export interface ClassBatch {
  /** Normalised RGB planes [b, 3, height, width]. */
  readonly images: Float32Array;
  readonly shape: readonly [batch: number, channels: number, height: number, width: number];
  /** The share of every class [b, classes]; rows sum to 1. */
  readonly targets: Float32Array;
  readonly sources: readonly ClassSource[];
}

/** One picture of a batch: its path, its size on disk (upright) and its class. */
export interface ClassSource {
  readonly path: string;
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly label: number;
}

/** All that making such a batch depends on besides its plan. */
export interface ClassSpec {
  readonly entries: PackedEntries;
  readonly classes: number;
  readonly imgsz: number;
  /** How pictures are fitted where they are not augmented. */
  readonly fit: Fit;
  readonly augment?: ClassifyAugment;
  readonly seed: number;
  readonly ram?: RamCache;
  readonly disk?: string;
}

/** Makes batches: the same one for the same plan, wherever and in whatever order it runs. */
export function classBatchMaker(spec: ClassSpec): (plan: BatchPlan) => Promise<ClassBatch> {
  const { entries, classes, imgsz, fit, augment, seed } = spec;
  const read = (index: number) => decodePicture(entries.paths[index]);
  const picture = cachedPictures(spec, { read, key: "whole" });
  const size = { width: imgsz, height: imgsz };
  return async ({ epoch, samples }) => {
    const images = new Float32Array(samples.length * 3 * imgsz * imgsz);
    const sources = await mapConcurrent(
      samples,
      async ({ index, repeat }, i): Promise<ClassSource> => {
        const whole = await picture(index);
        const made = augment
          ? augmentForClass(whole, { ...augment, side: imgsz, rng: rng(seed, "sample", epoch, index, repeat) })
          : normalised(fitSquare(whole, imgsz, fit));
        images.set(made, i * made.length);
        const { path, width, height, labels } = entryAt(entries, index);
        return { path, index, width, height, label: labels.classes[0] };
      },
      { limit: 2 },
    );
    const [{ index, repeat }] = samples;
    const mix = augment && drawMix(augment, size, rng(seed, "mix", epoch, index, repeat));
    if (mix) mixPictures(images, size, mix);
    const labels = sources.map(({ label }) => label);
    const targets = softTargets(labels, { classes, smoothing: augment?.smoothing, lambda: mix?.lambda });
    return { images, shape: [samples.length, 3, imgsz, imgsz], targets, sources };
  };
}
