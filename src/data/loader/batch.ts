import { augmentSample, letterboxSample } from "../augment/pipeline.js";
import type { AugmentHyp, Sample } from "../augment/sample.js";
import { type Size, xyxyToCxcywhn } from "../boxes.js";
import { mapConcurrent } from "../datasets/concurrent.js";
import { decodePicture } from "../datasets/decode.js";
import { rng } from "../rng.js";
import type { Batch, Labels, Picture, Source } from "../sample.js";
import { cachedPictures } from "./caches.js";
import { fitPicture, fittedSize } from "./fitted.js";
import { entryAt, type PackedEntries } from "./packed.js";
import type { BatchPlan, PlannedSample } from "./plan.js";
import type { RamCache } from "./ramCache.js";

/** Whether pictures are decoded whole, or JPEGs far larger than `imgsz` at reduced scale, which is faster and not quite the same. */
export type Decode = "full" | "reduced";

/** All that making a batch depends on besides its plan; it can be sent to a worker. */
export interface BatchSpec {
  readonly entries: PackedEntries;
  readonly imgsz: number;
  /** Augment, as these hyper-parameters say; without them samples are only letterboxed. */
  readonly hyp?: AugmentHyp;
  /** Batches have a shape of their own, which switches mosaics off. */
  readonly rect: boolean;
  readonly seed: number;
  readonly decode: Decode;
  readonly ram?: RamCache;
  /** The folder that fitted pictures are kept in. */
  readonly disk?: string;
}

interface Made extends Sample {
  readonly source: Source;
}

/** Makes batches: the same one for the same plan, wherever and in whatever order it runs. */
export function batchMaker(spec: BatchSpec): (plan: BatchPlan) => Promise<Batch> {
  const load = sampleLoader(spec);
  const make = spec.hyp ? augmented(spec, spec.hyp, load) : letterboxed(spec, load);
  // Two at a time, so that the next pictures are decoded while one is warped.
  return async (plan) => collate(await mapConcurrent(plan.samples, (sample) => make(sample, plan), { limit: 2 }));
}

type Make = (sample: PlannedSample, plan: BatchPlan) => Promise<Made>;

function augmented(spec: BatchSpec, hyp: AugmentHyp, load: (index: number) => Promise<Sample>): Make {
  const { entries, imgsz, rect, seed } = spec;
  const count = entries.paths.length;
  return async ({ index, repeat }, { epoch, shape }) => {
    const numbers = rng(seed, "sample", epoch, index, repeat);
    const options = { load, count, imgsz, hyp, rng: numbers, shape: rect ? shape : undefined };
    const { picture, labels } = await augmentSample(index, options);
    return { picture, labels, source: { ...sourceOf(entries, index), ratio: [1, 1], pad: [0, 0] } };
  };
}

function letterboxed({ entries }: BatchSpec, load: (index: number) => Promise<Sample>): Make {
  return async ({ index }, { shape }) => {
    const sample = await load(index);
    const { picture, labels, ratio, pad } = letterboxSample(sample, shape, { scaleUp: false });
    const source = sourceOf(entries, index);
    const fitted = [sample.picture.width / source.width, sample.picture.height / source.height];
    const boxes = xyxyToCxcywhn(labels.boxes, picture, { clip: true, eps: 1e-3 });
    return {
      picture,
      labels: { classes: labels.classes, boxes },
      source: { ...source, ratio: [ratio[0] * fitted[0], ratio[1] * fitted[1]], pad },
    };
  };
}

function sourceOf(entries: PackedEntries, index: number): Omit<Source, "ratio" | "pad"> {
  const { path, width, height } = entryAt(entries, index);
  return { path, index, width, height };
}

function sampleLoader(spec: BatchSpec): (index: number) => Promise<Sample> {
  const { imgsz, hyp, entries } = spec;
  const smooth = hyp !== undefined;
  const reduced = spec.decode === "reduced";
  const wanted = reduced ? (whole: Size) => fittedSize(whole, imgsz) : undefined;
  const picture = cachedPictures(spec, {
    key: `${imgsz} ${smooth ? "bilinear" : "area"}${reduced ? " reduced" : ""}`,
    read: async (index) => fitPicture(await decodePicture(entries.paths[index], { wanted }), { imgsz, smooth }),
  });
  return async (index) => ({ picture: await picture(index), labels: entryAt(spec.entries, index).labels });
}

function collate(samples: readonly Made[]): Batch {
  const [{ width, height }] = samples.map(({ picture }) => picture);
  const images = new Uint8Array(samples.length * 3 * width * height);
  for (const [i, { picture }] of samples.entries()) planes(picture, images.subarray(i * 3 * width * height));
  return {
    images,
    shape: [samples.length, 3, height, width],
    targets: targetRows(samples.map(({ labels }) => labels)),
    sources: samples.map(({ source }) => source),
  };
}

// Interleaved pixels to planes: [height, width, 3] -> [3, height, width].
function planes({ width, height, data }: Picture, out: Uint8Array): void {
  const size = width * height;
  for (let i = 0, from = 0; i < size; i++, from += 3) {
    out[i] = data[from];
    out[size + i] = data[from + 1];
    out[2 * size + i] = data[from + 2];
  }
}

function targetRows(labels: readonly Labels[]): Float32Array {
  const rows = new Float32Array(labels.reduce((sum, { classes }) => sum + classes.length, 0) * 6);
  let at = 0;
  for (const [image, { classes, boxes }] of labels.entries()) {
    for (const [i, cls] of classes.entries()) {
      rows.set([image, cls], at);
      rows.set(boxes.subarray(4 * i, 4 * i + 4), at + 2);
      at += 6;
    }
  }
  return rows;
}
