import type { ClassifyAugment } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import type { StepSchedule } from "../../nn/index.js";
import { type StepSettings, settleSteps, stepSchedule } from "../classify/settings.js";
import type { PretrainOptions } from "../config/index.js";
import { type PretrainRecipe, pretrainRecipeFor, pretrainRecipes } from "./recipes.js";

/** Options of a run that pretrains, as they are decided before the data is read. */
export type PretrainWish = Omit<PretrainOptions, "json" | "plugin" | "resume">;

/** Everything that such a run goes by, all decided; what `opt.yaml` of a run holds. */
export interface PretrainSettings extends Omit<PretrainWish, keyof StepSettings>, StepSettings {
  readonly task: "pretrain";
  readonly recipe: PretrainRecipe;
  readonly data: string;
  readonly imgsz: number;
  readonly mask_patch: number;
  readonly norm_target: number;
  readonly fliplr: number;
  readonly crop_scale: number;
  readonly layer_decay: 1;
  readonly ema: false;
}

/**
 * What the recipe, the pictures' side and the model's patches decide where the options do not.
 * @throws UserError where masks do not fit.
 */
export function settlePretraining(
  wish: PretrainWish,
  { pictures, imgsz, patch }: { pictures: number; imgsz: number; patch: number },
): PretrainSettings {
  const name = wish.recipe === "auto" ? pretrainRecipeFor(pictures) : wish.recipe;
  const recipe = pretrainRecipes[name];
  const batch = Math.min(wish.batch ?? recipe.batch, pictures);
  if (wish.data === undefined) throw new UserError("data expected: data=FOLDER");
  const norm_target = wish.norm_target ?? usualWindow(imgsz);
  if (norm_target > 0 && norm_target % 2 === 0)
    throw new UserError(`norm_target: got ${norm_target}, expected an odd number or 0`);
  return {
    ...wish,
    ...settleSteps(wish, recipe, { batch, scale: recipe.scaled ? (batch * wish.accumulate) / 512 : 1 }),
    task: "pretrain",
    recipe: name,
    data: wish.data,
    imgsz,
    mask_patch: wish.mask_patch ?? usualCell(imgsz, patch),
    norm_target,
    drop_path: wish.drop_path ?? recipe.dropPath,
    fliplr: wish.fliplr ?? recipe.augment.flip,
    crop_scale: wish.crop_scale ?? recipe.augment.scale[0],
    layer_decay: 1,
    ema: false,
  };
}

// 47 at 192 pixels, as published; odd.
const usualWindow = (imgsz: number): number => 2 * Math.round(((47 / 192) * imgsz - 1) / 2) + 1;

// 32 at 192 pixels, as published; smaller pictures have smaller cells, at least four in a row.
const usualCell = (imgsz: number, patch: number): number =>
  [32, 16, 8, 4].find((cell) => imgsz / cell >= 4 && imgsz % cell === 0 && cell % patch === 0) ?? patch;

/** How a run changes its pictures. */
export const pretrainAugment = (s: PretrainSettings): ClassifyAugment => {
  const { augment } = pretrainRecipes[s.recipe];
  return { ...augment, scale: [s.crop_scale, augment.scale[1]], flip: s.fliplr };
};

/** How the learning rate goes over a run; `step` falls once, after 700 of 800 epochs. */
export const pretrainSchedule = (s: PretrainSettings, stepsAnEpoch: number): StepSchedule =>
  stepSchedule(s, { stepsAnEpoch, byEpoch: false, decayEpochs: (s.epochs * 7) / 8 });
