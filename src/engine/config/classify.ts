import { fits, optimizers, recipeNames, schedules } from "./classifyChoices.js";
import { device, existOk, json, name, plugin, threads, workers } from "./common.js";
import { amount, choice, flag, real, text, textOrFlag, whole, wholes } from "./option.js";

// Options of commands for classifiers. Those without a default are the recipe's, or the weights'.

const model = text("a model YAML: a path, or the name of one of ours (swinv2-nano.yaml, yolov5n-cls.yaml)", {
  default: undefined,
  aliases: ["cfg"],
});
const weights = text("trained weights: .safetensors, .pt or .onnx", { default: undefined });
const data = text("a folder: train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg, which is split", {
  default: undefined,
});
const imgsz = whole("side of the pictures in pixels; the model's own where left out", {
  default: undefined,
  least: 1,
  most: 8192,
  aliases: ["img", "img_size"],
});
const fit = choice(
  "how pictures are fitted: short side and centre, squashed, or largest square; the recipe's or the weights' own",
  fits,
  { default: undefined },
);
const chance = (help: string) => real(help, { default: undefined, from: 0, to: 1 });
const rate = (help: string, aliases: readonly string[] = []) =>
  real(help, { default: undefined, from: 0, to: 100, aliases });

/** Options of `train task=classify`. */
export const classifyTrainOptions = {
  model,
  weights: text("weights to start from: what fits by name and shape is taken", { default: undefined }),
  data,
  recipe: choice("where rates and augmentation come from; auto goes by model and data", recipeNames, {
    default: "auto",
  }),
  epochs: whole("how often all pictures are seen", { default: undefined, least: 1 }),
  batch: whole("pictures a batch", { default: undefined, least: 1, aliases: ["batch_size"] }),
  accumulate: whole("batches whose gradients are averaged for one step", { default: 1, least: 1 }),
  imgsz,
  resume: textOrFlag("go on with a run: its folder, or nothing for the newest"),
  nosave: flag("write weights only after the last epoch", { default: false, opposites: ["save"] }),
  noval: flag("validate only after the last epoch", { default: false, opposites: ["val"] }),
  noplots: flag("draw nothing", { default: false, opposites: ["plots"] }),
  cache: choice("keep decoded pictures in memory or on disk", [false, "ram", "disk"], { default: false, bare: "ram" }),
  device,
  threads,
  memory: amount("memory that training may take; more than is planned before the run is refused"),
  recompute: choice(
    "less memory for more time: compute blocks (rows of a YAML), Swin's stages, or what is cheap, again on the way back; auto as little as fits, attention in parts too",
    ["none", "block", "stage", "row", "cheap", "auto"],
    { default: "none", bare: "block", off: "none" },
  ),
  sequential: whole("so many first stages of a Swin have their attention part by part: less memory", { default: 0 }),
  half: flag("mixed precision: float16 arithmetic, float32 weights (device=webgpu, device=cuda)", {
    default: false,
    aliases: ["amp"],
  }),
  optimizer: choice("what turns gradients into steps", optimizers, { default: undefined }),
  lr0: rate("highest learning rate, as it is used; recipes for Swin scale theirs by batch / 512", ["lr"]),
  warmup_lr: rate("learning rate of the first step"),
  min_lr: rate("learning rate of the last step"),
  warmup_epochs: real("epochs over which the rate rises", { default: undefined, from: 0, to: 1000 }),
  schedule: choice("how the rate falls after that", schedules, { default: undefined }),
  weight_decay: rate("how much weights shrink in a step, times the rate", ["decay"]),
  momentum: chance("of SGD; the first beta of Adam"),
  clip_norm: real("gradients are scaled down to this norm; 0 never", { default: undefined, from: 0, to: 1e6 }),
  layer_decay: real("factor on the rate from a layer to the one before it", { default: undefined, from: 0.01, to: 1 }),
  ema: flag("validate and save a moving average of the weights", { default: undefined }),
  freeze: choice("what does not learn: trunk is all but the last layer", [false, "trunk"], {
    default: false,
    bare: "trunk",
  }),
  drop_path: real("stochastic depth of the last block (Swin); the model's own where left out", {
    default: undefined,
    from: 0,
    to: 0.99,
  }),
  label_smoothing: chance("how much of a target goes to all classes"),
  mixup: rate("mixes pictures: both numbers of a beta distribution; 0 off"),
  cutmix: rate("pastes parts of pictures: both numbers of a beta distribution; 0 off"),
  erasing: chance("probability that a part of a picture becomes noise"),
  rand_augment: real("magnitude of RandAugment; 0 off", { default: undefined, from: 0, to: 10 }),
  jitter: chance("changes of brightness, contrast and saturation; 0 off"),
  fliplr: chance("probability of a mirror image"),
  crop_scale: real("least share of a picture's area that is cut out", { default: undefined, from: 0.01, to: 1 }),
  fit,
  workers,
  project: text("folder of runs", { default: "runs/train-cls" }),
  name,
  exist_ok: existOk,
  patience: whole("stop after so many epochs without a better model; 0 never", { default: 100 }),
  save_period: whole("keep the weights of every so many epochs; -1 for none", { default: -1, least: -1 }),
  seed: whole("of weights, splits and augmentation", { default: 0 }),
  amplitude: flag("after every epoch measure how large the outputs of the blocks are: amplitude.csv and .png", {
    default: false,
  }),
  plugin,
  json,
} as const;

/** Options of `val` for classifiers. */
export const classifyValOptions = {
  weights,
  model,
  data,
  batch: whole("pictures a batch", { default: 64, least: 1, aliases: ["batch_size"] }),
  imgsz,
  window: wholes("sides of a Swin classifier's windows, one or one a stage, instead of its own; nothing is trained", {
    default: undefined,
  }),
  fit,
  split: choice("which part of the data", ["val", "train", "test"], { default: "val" }),
  seed: whole("of the split, where the folder has none; the one it was trained with where left out", {
    default: undefined,
  }),
  verbose: flag("figures of every class", { default: false }),
  noplots: flag("draw nothing", { default: false, opposites: ["plots"] }),
  device,
  threads,
  workers,
  project: text("folder of runs", { default: "runs/val-cls" }),
  name,
  exist_ok: existOk,
  plugin,
  json,
} as const;

/** Options of `predict` for classifiers. */
export const classifyPredictOptions = {
  weights,
  model,
  source: text("a picture, a folder, a glob pattern or a .txt list of them", { default: undefined }),
  imgsz,
  fit,
  top: whole("how many classes are named", { default: 5, least: 1 }),
  nosave: flag("draw nothing", { default: false, opposites: ["save"] }),
  save_txt: flag("write label files: a line with probability and name for each class named", { default: false }),
  save_csv: flag("write predictions.csv", { default: false }),
  save_json: flag("write predictions.json", { default: false }),
  device,
  threads,
  project: text("folder of runs", { default: "runs/predict-cls" }),
  name,
  exist_ok: existOk,
  plugin,
  json,
} as const;

/** Options of `export` for classifiers. */
export const classifyExportOptions = {
  weights,
  model,
  format: choice("what to write", ["onnx"], { default: "onnx", aliases: ["include"] }),
  imgsz,
  batch: whole("pictures a batch", { default: 1, least: 1, aliases: ["batch_size"] }),
  dynamic: flag("leave the batch free", { default: false }),
  half: flag("float16", { default: false }),
  opset: whole("of the file's operators", { default: 17, least: 17, most: 17 }),
  simplify: flag("what is written is always simplified", { default: true }),
  out: text("the file to write; beside the weights where left out", { default: undefined }),
  plugin,
  json,
} as const;

/** The options of each command that there are for classifiers. */
export const classifyOptions = {
  train: classifyTrainOptions,
  val: classifyValOptions,
  predict: classifyPredictOptions,
  export: classifyExportOptions,
} as const;
