import {
  type CommandName,
  classifyOptions,
  commandOptions,
  hypRanges,
  type Option,
  type OptionTable,
  pretrainOptions,
  type Task,
} from "../engine/config/index.js";
import { colours } from "./colour.js";

/** A line on each command. */
export const summaries: Readonly<Record<CommandName, string>> = {
  train: "train a detector",
  val: "validate weights on a data set",
  predict: "detect objects in pictures and videos",
  export: "write weights as an ONNX file",
  info: "layers, parameters and operations of a model",
  import: "convert weights between PyTorch and safetensors",
  plan: "memory of training a Swin V2 network on devices that may not be here",
  transfer: "weights for larger windows and pictures, without training",
  ablate: "the Swin V2 paper's ablations on pictures of yours: position bias, norm and attention",
  "check-data": "look through a data set for mistakes",
};

const examples: Readonly<Record<CommandName, string>> = {
  train: "swinyolo train model=yolov5n-swinv2.yaml data=data.yaml epochs=100 imgsz=640",
  val: "swinyolo val weights=runs/train/exp/weights/best.safetensors data=data.yaml",
  predict: "swinyolo predict weights=best.safetensors source=pictures/",
  export: "swinyolo export weights=best.safetensors imgsz=640",
  info: "swinyolo info model=yolov5n-swinv2.yaml imgsz=640",
  import: "swinyolo import weights=yolov5n.pt out=yolov5n.safetensors",
  plan: "swinyolo plan model=swinv2-g imgsz=1536 devices=8 zero=1 recompute=block sequential=2 memory=40GiB",
  transfer: "swinyolo transfer weights=best.safetensors window=16 imgsz=512 source=pictures/",
  ablate: "swinyolo ablate kind=bias data=FOLDER epochs=20",
  "check-data": "swinyolo check-data data=data.yaml",
};

/** What `swinyolo --help` shows. */
export const overview = (): string =>
  [
    "Detectors of the YOLO family with Swin Transformer V2 blocks, and picture classifiers: train, validate, predict, export.",
    "",
    "  swinyolo COMMAND name=value ...",
    "",
    "Commands:",
    ...Object.entries(summaries).map(([name, summary]) => `  ${colours.bold(name.padEnd(12))} ${summary}`),
    "",
    "swinyolo COMMAND --help lists a command's options; swinyolo --version tells the version.",
  ].join("\n");

/** The options of a command for a task, as text for a terminal. */
export function helpOf(command: CommandName, task: Task = "detect"): string {
  if (task === "pretrain" && command === "train") return pretrainHelp();
  const others: Readonly<Record<string, OptionTable>> = classifyOptions;
  const classifies = task === "classify" && Object.hasOwn(others, command);
  const options = Object.entries<Option>(classifies ? others[command] : commandOptions[command]);
  const train = command === "train" && !classifies;
  return [
    `swinyolo ${command}: ${classifies ? classifySummaries[command] : summaries[command]}`,
    "",
    `  ${classifies ? classifyExamples[command] : examples[command]}`,
    "",
    "Options (name=value, --name value or, for true, the bare name):",
    ...options.map(([name, option]) => row(name, option)),
    ...(train ? ["", "Every key of a hyp file can be given too:", wrap(Object.keys(hypRanges), 90)] : []),
    ...(train ? ["", "Pretraining on pictures without labels: swinyolo train task=pretrain --help"] : []),
    ...(Object.hasOwn(others, command) && !classifies
      ? ["", `Classifiers have other options: swinyolo ${command} task=classify --help`]
      : []),
  ].join("\n");
}

const pretrainHelp = (): string =>
  [
    "swinyolo train: pretrain a classifier's body on pictures without labels (SimMIM)",
    "",
    "  swinyolo train task=pretrain model=swinv2-nano.yaml data=FOLDER epochs=100",
    "",
    "Options (name=value, --name value or, for true, the bare name):",
    ...Object.entries<Option>(pretrainOptions).map(([name, option]) => row(name, option)),
  ].join("\n");

const classifySummaries: Readonly<Record<string, string>> = {
  train: "train a picture classifier",
  val: "validate a classifier on class folders",
  predict: "name what pictures show",
  export: "write a classifier as an ONNX file",
};

const classifyExamples: Readonly<Record<string, string>> = {
  train: "swinyolo train task=classify model=swinv2-nano.yaml data=FOLDER epochs=50",
  val: "swinyolo val weights=runs/train-cls/exp/weights/best.safetensors data=FOLDER",
  predict: "swinyolo predict weights=best.safetensors source=pictures/",
  export: "swinyolo export weights=best.safetensors",
};

function row(name: string, { help, expected, default: fallback, aliases = [] }: Option): string {
  const start = fallback === undefined || fallback === false ? "" : ` [${same(fallback)}]`;
  const type = selfEvident.has(expected) ? "" : `; ${colours.dim(expected)}`;
  const also = aliases.map((alias) => `--${alias.replaceAll("_", "-")}`).join(", ");
  return `  ${colours.bold(name.padEnd(16))} ${help}${type}${start}${also && colours.dim(` (also ${also})`)}`;
}

const selfEvident = new Set(["text", "true or false"]);

// 640 rather than 640,640.
const same = (value: unknown): string =>
  Array.isArray(value) ? [...new Set(value as unknown[])].join(",") : String(value);

function wrap(words: readonly string[], width: number): string {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line === undefined || line.length + word.length + 2 > width) lines.push(word);
    else lines[lines.length - 1] = `${line}, ${word}`;
  }
  return lines.map((line) => `  ${line}`).join(",\n");
}
