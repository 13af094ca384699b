import { ablationKinds } from "../ablate/variants.js";
import { calibrations } from "../int8/ranges.js";
import { recomputeUnits } from "../scale/peak.js";
import { precisions } from "../scale/precision.js";
import { decode, device, existOk, json, name, plugin, threads, workers } from "./common.js";
import { hypRanges } from "./hypRanges.js";
import {
  amount,
  choice,
  flag,
  type OtherNames,
  provider,
  real,
  sides,
  text,
  textOrFlag,
  whole,
  wholeOrAuto,
  wholes,
} from "./option.js";
import { tasks } from "./task.js";

const model = text("a model YAML: a path, or the name of one of ours (yolov5n-swinv2.yaml)", {
  default: undefined,
  aliases: ["cfg"],
});
const weights = text("trained weights: .safetensors, .pt or .onnx", { default: undefined });
const data = text("the data set's YAML", { default: undefined });
const iou = real("overlap over which two boxes are one object", {
  default: 0.45,
  from: 0,
  to: 1,
  aliases: ["iou_thres"],
});

/** Options of `train`. Every key of a hyp file is one too. */
export const trainOptions = {
  task: choice(
    "what is trained: detect, classify or pretrain (then the options are others: train task=classify --help)",
    tasks,
    { default: undefined },
  ),
  model,
  weights: text("weights to start from: what fits by name and shape is taken", { default: undefined }),
  data,
  hyp: text("hyper-parameters: a YAML file, or the name of one of ours", { default: "hyp.scratch-low.yaml" }),
  epochs: whole("how often all pictures are seen", { default: 100, least: 1 }),
  batch: wholeOrAuto("pictures a batch; auto takes what fits into memory", {
    default: 16,
    least: 1,
    aliases: ["batch_size"],
  }),
  imgsz: sides("image size in pixels", { default: [640, 640], aliases: ["img", "img_size"] }),
  rect: flag("batches of pictures of like aspect, without mosaic", { default: false }),
  resume: textOrFlag("go on with a run: its folder, or nothing for the newest"),
  nosave: flag("write weights only after the last epoch", { default: false, opposites: ["save"] }),
  noval: flag("validate only after the last epoch", { default: false, opposites: ["val"] }),
  noautoanchor: flag("keep the model's anchors unchecked", { default: false, opposites: ["autoanchor"] }),
  noplots: flag("draw nothing", { default: false, opposites: ["plots"] }),
  cache: choice("keep pictures in memory or on disk", [false, "ram", "disk", "val"], { default: false, bare: "ram" }),
  decode,
  device,
  threads,
  memory: amount(
    "memory that training may take; what was left open of recompute, batch, imgsz gives way in this order",
  ),
  recompute: choice(
    "less memory for more time: compute layers again on the way back; auto as few as fit",
    ["none", "auto", "row", "cheap"],
    { default: "none", bare: "row", off: "none" },
  ),
  half: flag("mixed precision: float16 arithmetic, float32 weights (device=webgpu, device=cuda)", {
    default: false,
    aliases: ["amp"],
  }),
  single_cls: flag("all objects are of one class", { default: false }),
  optimizer: choice("what turns gradients into steps", ["SGD", "Adam", "AdamW"], { default: "SGD" }),
  workers,
  project: text("folder of runs", { default: "runs/train" }),
  name,
  exist_ok: existOk,
  cos_lr: flag("learning rate along a cosine", { default: false }),
  label_smoothing: real("how much of a class target goes to the others", { default: 0, from: 0, to: 1 }),
  patience: whole("stop after so many epochs without a better model; 0 never", { default: 100 }),
  freeze: wholes("layers that do not learn: a number of first ones, or a list", { default: [0] }),
  save_period: whole("keep the weights of every so many epochs; -1 for none", { default: -1, least: -1 }),
  seed: whole("of weights and augmentation", { default: 0 }),
  nbs: whole("nominal batch: gradients are added up to so many pictures", { default: 64, least: 1 }),
  preset: choice("settings for small data: auto decides", ["auto", "none", "small"], { default: "auto" }),
  strict: flag("an unknown key of a hyp file is an error", { default: false }),
  plugin,
  json,
} as const;

/** Options of `val`. */
export const valOptions = {
  weights,
  model,
  data,
  batch: whole("pictures a batch", { default: 32, least: 1, aliases: ["batch_size"] }),
  imgsz: sides("image size in pixels", { default: [640, 640], aliases: ["img", "img_size"] }),
  conf: real("least confidence", { default: 0.001, from: 0, to: 1, aliases: ["conf_thres"] }),
  iou: { ...iou, default: 0.6 },
  max_det: whole("most objects a picture", { default: 300, least: 1 }),
  split: choice("which part of the data", ["val", "train", "test"], { default: "val", aliases: ["task"] }),
  annotations: text("COCO annotations (JSON): prints the 12 COCO figures too", { default: undefined }),
  augment: flag("test-time augmentation", { default: false }),
  single_cls: flag("all classes count as one", { default: false }),
  rect: flag("batches of pictures of like aspect", { default: true }),
  verbose: flag("figures of every class", { default: false }),
  save_txt: flag("write detections as label files", { default: false }),
  save_conf: flag("with confidences", { default: false }),
  save_json: flag("write detections as COCO JSON", { default: false }),
  noplots: flag("draw nothing", { default: false, opposites: ["plots"] }),
  decode,
  device,
  half: flag("float16 arithmetic (device=webgpu, device=cuda)", { default: false }),
  threads,
  workers,
  project: text("folder of runs", { default: "runs/val" }),
  name,
  exist_ok: existOk,
  plugin,
  json,
} as const;

/** Options of `predict`. */
export const predictOptions = {
  weights,
  model,
  source: text("a picture, a video, a folder, a glob pattern or a .txt list of them", { default: undefined }),
  data: text("a data set's YAML, for class names", { default: undefined }),
  imgsz: sides("image size in pixels", { default: [640, 640], aliases: ["img", "img_size"] }),
  conf: real("least confidence", { default: 0.25, from: 0, to: 1, aliases: ["conf_thres"] }),
  iou,
  max_det: whole("most objects a picture", { default: 1000, least: 1 }),
  classes: wholes("only these classes", { default: undefined, aliases: ["class"] }),
  agnostic: flag("boxes of different classes suppress each other", { default: false, aliases: ["agnostic_nms"] }),
  augment: flag("test-time augmentation", { default: false }),
  rect: flag("pad pictures only to whole strides", { default: true }),
  nosave: flag("draw nothing", { default: false, opposites: ["save"] }),
  save_txt: flag("write label files", { default: false }),
  save_conf: flag("with confidences", { default: false }),
  save_crop: flag("write a picture of every object", { default: false }),
  save_csv: flag("write predictions.csv", { default: false }),
  save_json: flag("write predictions.json", { default: false }),
  line_thickness: whole("of boxes, in pixels", { default: undefined, least: 1, aliases: ["line_width"] }),
  hide_labels: flag("boxes without names", { default: false }),
  hide_conf: flag("names without confidences", { default: false }),
  vid_stride: whole("take every so many frames of a video", { default: 1, least: 1 }),
  device,
  half: flag("float16 arithmetic (device=webgpu, device=cuda)", { default: false }),
  threads,
  project: text("folder of runs", { default: "runs/detect" }),
  name,
  exist_ok: existOk,
  plugin,
  json,
} as const;

/** Options of `export`. */
export const exportOptions = {
  weights,
  model,
  format: choice("what to write", ["onnx"], { default: "onnx", aliases: ["include"] }),
  imgsz: sides("image size in pixels", { default: [640, 640], aliases: ["img", "img_size"] }),
  batch: whole("pictures a batch", { default: 1, least: 1, aliases: ["batch_size"] }),
  dynamic: flag("leave the batch free", { default: false }),
  half: flag("float16", { default: false }),
  int8: flag("8-bit weights and arithmetic (QDQ); needs data", { default: false }),
  data: text("with int8: the data set's YAML, to calibrate on train and measure on val", { default: undefined }),
  calibration: choice("with int8: how ranges are chosen", calibrations, { default: "percentile" }),
  calibration_images: whole("with int8: pictures that ranges are measured on", { default: 64, least: 1 }),
  percentile: real("with int8: percentage of absolute values that ranges hold (calibration=percentile)", {
    default: 99.99,
    from: 50,
    to: 100,
  }),
  int8_drop: real("with int8: points of mAP50-95 that may be lost; the most sensitive layers stay float32 for it", {
    default: 1,
    from: 0,
    to: 100,
  }),
  nms: flag("non-maximum suppression inside", { default: false }),
  raw: flag("raw maps instead of decoded boxes", { default: false }),
  conf: real("least confidence (with nms)", { default: 0.25, from: 0, to: 1, aliases: ["conf_thres"] }),
  iou,
  max_det: whole("most objects a class (with nms)", { default: 300, least: 1 }),
  opset: whole("of the file's operators", { default: 17, least: 17, most: 17 }),
  simplify: flag("what is written is always simplified", { default: true }),
  out: text("the file to write; beside the weights where left out", { default: undefined }),
  plugin,
  json,
} as const;

/** Options of `info`. */
export const infoOptions = {
  model,
  weights,
  imgsz: sides("image size in pixels; left out, 640, and a classifier's own", {
    default: undefined,
    aliases: ["img", "img_size"],
  }),
  window: whole("side of a Swin classifier's windows, instead of its own", { default: undefined, least: 1, most: 64 }),
  nc: whole("classes, instead of the model's", { default: undefined, least: 1 }),
  batch: whole("pictures a batch, for the planned memory", { default: 16, least: 1, aliases: ["batch_size"] }),
  device: provider("lists the operators that this device would leave to the CPU", { default: "cpu" }),
  verbose: flag("arguments in full length", { default: false }),
  plugin,
  json,
} as const;

/** Options of `import`. */
export const importOptions = {
  weights: text("what to read: .pt or .safetensors", { default: undefined }),
  out: text("what to write: .safetensors or .pt", { default: undefined }),
  half: flag("as float16", { default: false }),
  json,
} as const;

/** Options of `plan`. */
export const planOptions = {
  model: text(
    "a Swin V2 network: swinv2-t, -s, -b, -l, -h, -g (3.0e9 parameters), -giant (1.06e9), or a classifier's YAML",
    { default: undefined },
  ),
  imgsz: whole("image size in pixels", { default: 256, least: 32, aliases: ["img", "img_size"] }),
  window: wholes(
    "sides of windows in tokens, one or one a stage; a sixteenth of imgsz where left out, 32 from 1024 on",
    {
      default: undefined,
    },
  ),
  nc: whole("classes; 0 for no head", { default: 1000 }),
  batch: whole("pictures a batch on each device", { default: 1, least: 1, aliases: ["batch_size"] }),
  devices: whole("devices that share the work", { default: 1, least: 1 }),
  zero: whole("what is shared out between devices: 1 the optimizer, 2 gradients too, 3 weights too", {
    default: 0,
    most: 3,
  }),
  recompute: choice("what is computed again on the way back", recomputeUnits, { default: "none", off: "none" }),
  sequential: whole("so many first stages have their attention part by part", { default: 0 }),
  parts: whole("parts of such attention; one a head where left out", { default: undefined, least: 1 }),
  attention: choice("whether parts are computed again on the way back (chunk) or kept (loop)", ["chunk", "loop"], {
    default: "chunk",
  }),
  precision: choice("of numbers: fp32, amp (half products) or p16 (half weights)", precisions, { default: "fp32" }),
  memory: amount("of a device: says what fits"),
  trace: flag("also plan this machine's CPU, from the graph that would run", { default: false }),
  reserve: amount("of it for what is not planned; 2GiB where left out"),
  json,
} as const;

/** Options of `transfer`. */
export const transferOptions = {
  weights: text("a trained classifier or detector with Swin V2 blocks: .safetensors or .pt", { default: undefined }),
  model,
  window: wholes("sides of windows in tokens, one or one a stage (of a detector: one a row); its own where left out", {
    default: undefined,
  }),
  imgsz: whole("side of the pictures in pixels; its own where left out", {
    default: undefined,
    least: 1,
    most: 8192,
    aliases: ["img", "img_size"],
  }),
  out: text("the file to write: .safetensors; beside the weights where left out", { default: undefined }),
  source: text("pictures on which both are compared: a file, a folder, a glob pattern or a .txt list of them", {
    default: undefined,
  }),
  conf: real("of detectors: least confidence in the comparison", {
    default: 0.25,
    from: 0,
    to: 1,
    aliases: ["conf_thres"],
  }),
  iou,
  device,
  threads,
  plugin,
  json,
} as const;

/** Options of `ablate`. */
export const ablateOptions = {
  kind: choice(
    "bias: three ways of the position bias, used at larger windows; stability: amplitudes by norm and attention",
    ablationKinds,
    { default: "bias" },
  ),
  data: text("a folder: train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg, which is split", { default: undefined }),
  model: text("a Swin V2 classifier's YAML, whose variants are trained", {
    default: "swinv2-nano.yaml",
    aliases: ["cfg"],
  }),
  variants: text(
    "which: of bias table, linear, log; of stability pre-dot, pre-cosine, res-post-dot, res-post-cosine (the first and the last where left out)",
    { default: undefined },
  ),
  seeds: wholes("a run of every variant for each; 0,1,2 for bias, 0 for stability where left out", {
    default: undefined,
  }),
  epochs: whole("of every run", { default: 20, least: 1 }),
  windows: wholes(
    "of bias: windows to use the models at, pictures growing alike; 1, 1.5 and 2 times theirs where left out",
    {
      default: undefined,
    },
  ),
  batch: whole("pictures a batch", { default: undefined, least: 1, aliases: ["batch_size"] }),
  lr0: real("highest learning rate; the recipe's where left out", {
    default: undefined,
    from: 0,
    to: 100,
    aliases: ["lr"],
  }),
  cache: choice("keep decoded pictures in memory or on disk", [false, "ram", "disk"], { default: "ram", bare: "ram" }),
  device,
  threads,
  workers,
  project: text("folder of ablations", { default: "runs/ablate" }),
  name: text("name of the folder in it; the kind where left out", { default: undefined }),
  json,
} as const;

/** Options of `check-data`. */
export const checkDataOptions = { data, json } as const;

/** Every command's options. */
export const commandOptions = {
  train: trainOptions,
  val: valOptions,
  predict: predictOptions,
  export: exportOptions,
  info: infoOptions,
  import: importOptions,
  plan: planOptions,
  transfer: transferOptions,
  ablate: ablateOptions,
  "check-data": checkDataOptions,
} as const;

/** The name of a command. */
export type CommandName = keyof typeof commandOptions;

const notYet = "one of YOLOv5's options that is not here yet";
const never = "one of YOLOv5's options that means nothing here";
const isOnnxOnly = "one of YOLOv5's options for formats that are not written here; ONNX is";
const names = (reason: string, ...absent: string[]) => Object.fromEntries(absent.map((name) => [name, reason]));

/** Names that commands know besides their options: keys of hyp files, and YOLOv5's options that are refused, not ignored. */
export const otherNames: Readonly<Record<CommandName, OtherNames>> = {
  train: {
    extra: Object.keys(hypRanges),
    absent: {
      ...names(notYet, "multi_scale", "image_weights", "quad", "sync_bn", "evolve", "ndjson_console", "ndjson_file"),
      ...names(never, "bucket", "local_rank", "entity", "upload_dataset", "bbox_interval", "artifact_alias"),
    },
  },
  val: { absent: { ...names(notYet, "save_hybrid"), ...names(never, "dnn") } },
  predict: {
    absent: { ...names(notYet, "visualize", "save_format"), ...names(never, "view_img", "update", "dnn") },
  },
  export: {
    absent: {
      ...names(isOnnxOnly, "keras", "optimize", "workspace", "topk_per_class", "topk_all", "mlmodel", "per_tensor"),
      ...names(notYet, "agnostic_nms", "cache"),
      ...names(never, "inplace", "device", "verbose"),
    },
  },
  info: {},
  import: {},
  plan: {},
  transfer: {},
  ablate: {},
  "check-data": {},
};
