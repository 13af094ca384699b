import { classifyTrainOptions as classify } from "./classify.js";
import { pretrainRecipes, schedules } from "./classifyChoices.js";
import { choice, real, text, whole } from "./option.js";

/** Options of `train task=pretrain`. Those without a default are the recipe's. */
export const pretrainOptions = {
  model: classify.model,
  weights: classify.weights,
  data: text(
    "a folder of pictures, with train and val inside or without; class folders will do, labels are not needed",
    {
      default: undefined,
    },
  ),
  recipe: choice("where rates and augmentation come from; auto goes by the number of pictures", pretrainRecipes, {
    default: "auto",
  }),
  mask_patch: whole(
    "side in pixels of what is hidden as a whole; the largest of 32, 16, 8 and 4 of which a picture has four in a row",
    { default: undefined, least: 1 },
  ),
  mask_ratio: real("share of a picture that is hidden", { default: 0.6, from: 0.01, to: 1 }),
  norm_target: whole(
    "side in pixels of the square whose mean and deviation targets are freed of, odd; 0 off; as 47 is to 192 where left out",
    { default: undefined },
  ),
  epochs: classify.epochs,
  batch: classify.batch,
  accumulate: classify.accumulate,
  imgsz: classify.imgsz,
  resume: classify.resume,
  nosave: classify.nosave,
  noval: classify.noval,
  noplots: classify.noplots,
  sheet_period: whole("draw pictures, hidden and made up again, every so many epochs; 0 only after the last", {
    default: 10,
  }),
  cache: classify.cache,
  device: classify.device,
  threads: classify.threads,
  memory: classify.memory,
  recompute: classify.recompute,
  sequential: classify.sequential,
  half: classify.half,
  optimizer: classify.optimizer,
  lr0: classify.lr0,
  warmup_lr: classify.warmup_lr,
  min_lr: classify.min_lr,
  warmup_epochs: classify.warmup_epochs,
  schedule: choice("how the rate falls after that; step is to a tenth after 7/8 of the epochs", schedules, {
    default: undefined,
  }),
  weight_decay: classify.weight_decay,
  momentum: classify.momentum,
  clip_norm: classify.clip_norm,
  drop_path: classify.drop_path,
  fliplr: classify.fliplr,
  crop_scale: classify.crop_scale,
  workers: classify.workers,
  project: text("folder of runs", { default: "runs/pretrain" }),
  name: classify.name,
  exist_ok: classify.exist_ok,
  patience: whole("stop after so many epochs without a lower validation loss; 0 never", { default: 0 }),
  save_period: classify.save_period,
  seed: whole("of weights, masks, splits and augmentation", { default: 0 }),
  plugin: classify.plugin,
  json: classify.json,
} as const;
