import { type Recipe, recipes } from "../classify/recipes.js";
import type { PretrainOptions } from "../config/index.js";

export type PretrainRecipe = Exclude<PretrainOptions["recipe"], "auto">;

const simmim: Recipe = {
  ...recipes.swinv2,
  epochs: 800,
  warmupEpochs: 10,
  lr: 1e-4,
  warmupLr: 5e-7,
  minLr: 5e-6,
  schedule: "step",
  dropPath: 0.1,
  augment: {
    ...recipes.swinv2.augment,
    scale: [0.67, 1],
    filter: "bilinear",
    randAugment: undefined,
    erase: 0,
    mixup: 0,
    cutmix: 0,
    smoothing: 0,
  },
};

/** SimMIM's recipe for 800 epochs of ImageNet, and one for few pictures. */
export const pretrainRecipes: Readonly<Record<PretrainRecipe, Recipe>> = {
  simmim,
  // Our own: few pictures give few steps.
  small: {
    ...simmim,
    epochs: 100,
    batch: 32,
    warmupEpochs: 5,
    lr: 1e-3,
    warmupLr: 1e-5,
    minLr: 1e-5,
    scaled: false,
    schedule: "cosine",
  },
};

const fewPictures = 50_000;

/** The recipe that `auto` stands for. */
export const pretrainRecipeFor = (pictures: number): PretrainRecipe => (pictures < fewPictures ? "small" : "simmim");
