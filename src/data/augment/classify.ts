import type { Rng } from "../rng.js";
import type { Picture } from "../sample.js";
import { drawErased, eraseRegion } from "./erase.js";
import { mirrorPicture } from "./flip.js";
import { colourJitter } from "./jitter.js";
import type { MixOptions } from "./mix.js";
import { type RandAugmentOptions, randAugment } from "./rand-augment.js";
import { type CropRange, randomCrop } from "./random-crop.js";

/** How pictures change while a classifier is trained. */
export interface ClassifyAugment extends CropRange, MixOptions {
  readonly filter: "bicubic" | "bilinear";
  /** Probability of a mirror image. */
  readonly flip: number;
  /** Brightness, contrast and saturation by up to so much, and how often. */
  readonly jitter: { readonly gain: number; readonly probability: number };
  readonly randAugment?: RandAugmentOptions;
  /** Probability that a region becomes noise. */
  readonly erase: number;
  /** Share of a target that goes to all classes. */
  readonly smoothing: number;
}

/** The mean and standard deviation of ImageNet's colours, from 0 to 1. */
export const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** One training picture as normalised planes [3, side, side]. */
export function augmentForClass(picture: Picture, options: ClassifyAugment & { side: number; rng: Rng }): Float32Array {
  const { flip, jitter, side, rng } = options;
  let made = randomCrop(picture, { ...options, rng: rng.split("crop") });
  if (rng.split("flip").next() < flip) made = mirrorPicture(made);
  const colours = rng.split("jitter");
  if (jitter.gain > 0 && colours.next() < jitter.probability)
    made = colourJitter(made, { gain: jitter.gain, rng: colours });
  if (options.randAugment) made = randAugment(made, { ...options.randAugment, rng: rng.split("randAugment") });
  const planes = normalised(made);
  const erasing = rng.split("erase");
  if (erasing.next() < options.erase) {
    const region = drawErased({ width: side, height: side }, erasing);
    if (region) eraseRegion(planes, { width: side, height: side }, region, erasing);
  }
  return planes;
}

/** Interleaved pixels as planes [3, height, width], less ImageNet's mean and over its deviation. */
export function normalised({ width, height, data }: Picture): Float32Array {
  const size = width * height;
  const out = new Float32Array(3 * size);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, std] = [imageNet.mean[channel], imageNet.std[channel]];
    const table = Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / std);
    for (let i = 0, p = channel; i < size; i++, p += 3) out[channel * size + i] = table[data[p]];
  }
  return out;
}

/** The picture that planes [3, height, width] came from. */
export function denormalised(planes: Float32Array, { width, height }: { width: number; height: number }): Picture {
  const size = width * height;
  const data = new Uint8ClampedArray(3 * size);
  for (let i = 0; i < size; i++) {
    for (let channel = 0; channel < 3; channel++) {
      data[3 * i + channel] = (planes[channel * size + i] * imageNet.std[channel] + imageNet.mean[channel]) * 255;
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}
