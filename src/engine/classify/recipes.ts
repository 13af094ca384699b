import { type ClassifyAugment, type Fit, swinRandAugment } from "../../data/index.js";
import type { OptimizerKind, StepSchedule } from "../../nn/index.js";
import type { RecipeWish } from "../config/classifyChoices.js";

export type RecipeName = Exclude<RecipeWish, "auto">;

/** What a recipe decides where an option does not. */
export interface Recipe {
  readonly epochs: number;
  readonly batch: number;
  readonly warmupEpochs: number;
  /** For a step over 512 pictures with `scaled`, else as it is used. */
  readonly lr: number;
  readonly warmupLr: number;
  readonly minLr: number;
  /** Rates grow with the pictures of a step. */
  readonly scaled: boolean;
  readonly schedule: StepSchedule["kind"];
  /** The rate changes once an epoch instead of with every step. */
  readonly byEpoch: boolean;
  readonly optimizer: OptimizerKind;
  readonly weightDecay: number;
  readonly clipNorm: number;
  readonly layerDecay: number;
  readonly ema: boolean;
  /** Instead of the model's own. */
  readonly dropPath?: number;
  readonly fit: Fit;
  readonly augment: ClassifyAugment;
}

const swinAugment: ClassifyAugment = {
  scale: [0.08, 1],
  ratio: [3 / 4, 4 / 3],
  filter: "bicubic",
  flip: 0.5,
  jitter: { gain: 0, probability: 0 },
  randAugment: swinRandAugment,
  erase: 0.25,
  mixup: 0.8,
  cutmix: 1,
  smoothing: 0.1,
};

const swin: Recipe = {
  epochs: 300,
  batch: 128,
  warmupEpochs: 20,
  lr: 5e-4,
  warmupLr: 5e-7,
  minLr: 5e-6,
  scaled: true,
  schedule: "cosine",
  byEpoch: false,
  optimizer: "AdamW",
  weightDecay: 0.05,
  clipNorm: 5,
  layerDecay: 1,
  ema: false,
  fit: "short",
  augment: swinAugment,
};

/** Every recipe: Swin V2's published ones, YOLOv5's, and one for data of few pictures. */
export const recipes: Readonly<Record<RecipeName, Recipe>> = {
  // ImageNet-1K from scratch.
  swinv2: swin,
  // ImageNet-22K from scratch.
  "swinv2-22k": {
    ...swin,
    epochs: 90,
    warmupEpochs: 5,
    lr: 1.25e-4,
    warmupLr: 1.25e-7,
    minLr: 1.25e-6,
    weightDecay: 0.1,
    dropPath: 0.2,
  },
  // From ImageNet-22K to 1K.
  "swinv2-finetune": {
    ...swin,
    epochs: 30,
    warmupEpochs: 5,
    lr: 2e-5,
    warmupLr: 2e-8,
    minLr: 2e-7,
    weightDecay: 1e-8,
    dropPath: 0.2,
  },
  // From SimMIM's self-supervised weights, base model.
  "swinv2-simmim": {
    ...swin,
    epochs: 100,
    warmupEpochs: 20,
    lr: 1.25e-3,
    warmupLr: 2.5e-7,
    minLr: 2.5e-7,
    layerDecay: 0.75,
    dropPath: 0.1,
  },
  yolov5: {
    epochs: 10,
    batch: 64,
    warmupEpochs: 0,
    lr: 1e-3,
    warmupLr: 0,
    minLr: 1e-5,
    scaled: false,
    schedule: "linear",
    byEpoch: true,
    optimizer: "Adam",
    weightDecay: 5e-5,
    clipNorm: 10,
    layerDecay: 1,
    ema: true,
    fit: "square",
    augment: {
      scale: [0.08, 1],
      ratio: [0.75, 4 / 3],
      filter: "bilinear",
      flip: 0.5,
      jitter: { gain: 0.4, probability: 0.5 },
      erase: 0,
      mixup: 0,
      cutmix: 0,
      smoothing: 0.1,
    },
  },
  // Our own: small data gives few steps, and a small model little to regularise.
  small: {
    ...swin,
    epochs: 50,
    batch: 32,
    warmupEpochs: 3,
    lr: 1e-3,
    warmupLr: 1e-5,
    minLr: 1e-5,
    scaled: false,
    fit: "short",
    augment: {
      ...swinAugment,
      scale: [0.3, 1],
      randAugment: undefined,
      jitter: { gain: 0.3, probability: 0.5 },
      erase: 0,
      mixup: 0,
      cutmix: 0,
    },
  },
};

/** Fewer pictures than this, and Swin's recipes for ImageNet do not get a model off the ground. */
const fewPictures = 50_000;

/** The recipe that `auto` stands for. */
export const recipeFor = (family: string, pictures: number): RecipeName =>
  family === "yolov5" ? "yolov5" : pictures < fewPictures ? "small" : "swinv2";
