import type { ClassifyAugment, Fit } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import type { OptimizerKind, StepSchedule } from "../../nn/index.js";
import type { ClassifyOptions } from "../config/index.js";
import { type Recipe, type RecipeName, recipeFor, recipes } from "./recipes.js";

/** Options of a run that trains a classifier, as they are decided before the data is read. */
export type ClassifyWish = Omit<ClassifyOptions<"train">, "json" | "plugin" | "resume">;

/** Everything that a run goes by, all decided; what `opt.yaml` of a run holds. */
export interface ClassifySettings extends Omit<ClassifyWish, keyof StepSettings>, StepSettings {
  readonly task: "classify";
  readonly recipe: RecipeName;
  readonly imgsz: number;
  readonly layer_decay: number;
  readonly ema: boolean;
  readonly label_smoothing: number;
  readonly mixup: number;
  readonly cutmix: number;
  readonly erasing: number;
  readonly rand_augment: number;
  readonly jitter: number;
  readonly fliplr: number;
  readonly crop_scale: number;
  readonly fit: Fit;
  readonly data: string;
}

/** A fine-tuned model of ours starts where a fresh one would be ruined: a fifth of the rate. */
const gentle = 0.2;

/** What the recipe decides where the options do not. */
export function settle(
  wish: ClassifyWish,
  { family, pictures, imgsz }: { family: string; pictures: number; imgsz: number },
): ClassifySettings {
  const name = wish.recipe === "auto" ? recipeFor(family, pictures) : wish.recipe;
  const recipe = recipes[name];
  const batch = Math.min(wish.batch ?? recipe.batch, pictures);
  const scale = recipe.scaled
    ? (batch * wish.accumulate) / 512
    : name === "small" && wish.weights !== undefined
      ? gentle
      : 1;
  const { augment } = recipe;
  if (wish.data === undefined) throw new UserError("data expected: data=FOLDER");
  return {
    ...wish,
    task: "classify",
    data: wish.data,
    recipe: name,
    ...settleSteps(wish, recipe, { batch, scale }),
    imgsz,
    layer_decay: wish.layer_decay ?? recipe.layerDecay,
    ema: wish.ema ?? recipe.ema,
    drop_path: wish.drop_path ?? recipe.dropPath,
    label_smoothing: wish.label_smoothing ?? augment.smoothing,
    mixup: wish.mixup ?? augment.mixup,
    cutmix: wish.cutmix ?? augment.cutmix,
    erasing: wish.erasing ?? augment.erase,
    rand_augment: wish.rand_augment ?? augment.randAugment?.magnitude ?? 0,
    jitter: wish.jitter ?? augment.jitter.gain,
    fliplr: wish.fliplr ?? augment.flip,
    crop_scale: wish.crop_scale ?? augment.scale[0],
    fit: wish.fit ?? recipe.fit,
  };
}

type StepWish = Partial<Omit<StepSettings, "batch">>;

/** What a run's steps and rates go by. */
export interface StepSettings {
  readonly epochs: number;
  readonly batch: number;
  readonly optimizer: OptimizerKind;
  readonly lr0: number;
  readonly warmup_lr: number;
  readonly min_lr: number;
  readonly warmup_epochs: number;
  readonly schedule: StepSchedule["kind"];
  readonly weight_decay: number;
  readonly momentum: number;
  readonly clip_norm: number;
}

/** What a recipe decides of them where the options do not; `scale` is the factor on its rates. */
export function settleSteps(
  wish: StepWish,
  recipe: Recipe,
  { batch, scale }: { batch: number; scale: number },
): StepSettings {
  const epochs = wish.epochs ?? recipe.epochs;
  return {
    epochs,
    batch,
    optimizer: wish.optimizer ?? recipe.optimizer,
    lr0: wish.lr0 ?? recipe.lr * scale,
    warmup_lr: wish.warmup_lr ?? recipe.warmupLr * scale,
    min_lr: wish.min_lr ?? recipe.minLr * scale,
    warmup_epochs: wish.warmup_epochs ?? Math.min(recipe.warmupEpochs, epochs / 4),
    schedule: wish.schedule ?? recipe.schedule,
    weight_decay: wish.weight_decay ?? recipe.weightDecay,
    momentum: wish.momentum ?? 0.9,
    clip_norm: wish.clip_norm ?? recipe.clipNorm,
  };
}

/** How a run changes its pictures. */
export function augmentOf(s: ClassifySettings): ClassifyAugment {
  const { augment } = recipes[s.recipe];
  return {
    ...augment,
    scale: [s.crop_scale, augment.scale[1]],
    flip: s.fliplr,
    jitter: { gain: s.jitter, probability: augment.jitter.probability || 0.5 },
    randAugment: s.rand_augment > 0 ? { ...swinLike(augment), magnitude: s.rand_augment } : undefined,
    erase: s.erasing,
    mixup: s.mixup,
    cutmix: s.cutmix,
    smoothing: s.label_smoothing,
  };
}

const swinLike = ({ randAugment }: ClassifyAugment) => randAugment ?? { ...recipes.swinv2.augment.randAugment! };

/** How the learning rate goes over a run of so many steps an epoch. */
export const scheduleOf = (s: ClassifySettings, stepsAnEpoch: number): StepSchedule =>
  stepSchedule(s, { stepsAnEpoch, byEpoch: recipes[s.recipe].byEpoch });

/** The same for settings of any task; `decayEpochs` is how long `step` waits for its next tenth. */
export function stepSchedule(
  s: StepSettings,
  { stepsAnEpoch, byEpoch, decayEpochs = 30 }: { stepsAnEpoch: number; byEpoch: boolean; decayEpochs?: number },
): StepSchedule {
  return {
    kind: s.schedule,
    steps: Math.max(1, Math.round(s.epochs * stepsAnEpoch)),
    warmupSteps: Math.round(s.warmup_epochs * stepsAnEpoch),
    lr0: s.lr0,
    warmupLr: s.warmup_lr,
    minLr: s.min_lr,
    // As Swin's `step`: a tenth every 30 epochs.
    decaySteps: Math.max(1, Math.round(decayEpochs * stepsAnEpoch)),
    hold: byEpoch ? Math.max(1, Math.round(stepsAnEpoch)) : 1,
  };
}
