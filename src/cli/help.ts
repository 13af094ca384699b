import { type CommandName, commandOptions, hypRanges, type Option } from "../engine/config/index.js";
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
  "check-data": "swinyolo check-data data=data.yaml",
};

/** What `swinyolo --help` shows. */
export const overview = (): string =>
  [
    "Detectors of the YOLO family with Swin Transformer V2 blocks: train, validate, predict, export.",
    "",
    "  swinyolo COMMAND name=value ...",
    "",
    "Commands:",
    ...Object.entries(summaries).map(([name, summary]) => `  ${colours.bold(name.padEnd(12))} ${summary}`),
    "",
    "swinyolo COMMAND --help lists a command's options; swinyolo --version tells the version.",
  ].join("\n");

/** The options of a command, as text for a terminal. */
export function helpOf(command: CommandName): string {
  const options: [string, Option][] = Object.entries(commandOptions[command]);
  return [
    `swinyolo ${command}: ${summaries[command]}`,
    "",
    `  ${examples[command]}`,
    "",
    "Options (name=value, --name value or, for true, the bare name):",
    ...options.map(([name, option]) => row(name, option)),
    ...(command === "train" ? ["", "Every key of a hyp file can be given too:", wrap(Object.keys(hypRanges), 90)] : []),
  ].join("\n");
}

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
