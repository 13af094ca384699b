import pc from "picocolors";
import { type CommandName, commandOptions, hypRanges } from "../engine/config/index.js";

/** A line on each command. */
export const summaries: Readonly<Record<CommandName, string>> = {
  train: "train a detector",
  val: "validate weights on a data set",
  predict: "detect objects in pictures and videos",
  export: "write weights as an ONNX file",
  info: "layers, parameters and operations of a model",
  import: "convert weights between PyTorch and safetensors",
  "check-data": "look through a data set for mistakes",
};

const examples: Readonly<Record<CommandName, string>> = {
  train: "swinyolo train model=yolov5n-swinv2.yaml data=data.yaml epochs=100 imgsz=640",
  val: "swinyolo val weights=runs/train/exp/weights/best.safetensors data=data.yaml",
  predict: "swinyolo predict weights=best.safetensors source=pictures/",
  export: "swinyolo export weights=best.safetensors imgsz=640",
  info: "swinyolo info model=yolov5n-swinv2.yaml imgsz=640",
  import: "swinyolo import weights=yolov5n.pt out=yolov5n.safetensors",
  "check-data": "swinyolo check-data data=data.yaml",
};

/** The options of a command, as text for a terminal. */
export function helpOf(command: CommandName): string {
  const rows = Object.entries(commandOptions[command]).map(
    ([name, { help, expected, default: fallback, aliases = [] }]) => {
      const start =
        fallback === undefined ? "" : ` [${Array.isArray(fallback) ? fallback.join(",") : String(fallback)}]`;
      const others = aliases.length
        ? pc.dim(` (also ${aliases.map((alias: string) => `--${alias.replaceAll("_", "-")}`).join(", ")})`)
        : "";
      const what = [help, help.includes(expected) ? "" : pc.dim(expected)].filter((part) => part !== "").join("; ");
      return `  ${pc.bold(name.padEnd(16))} ${what}${start}${others}`;
    },
  );
  const hyp =
    command === "train"
      ? ["", "Every key of a hyp file can be given too:", `  ${wrap(Object.keys(hypRanges).join(", "), 90, "  ")}`]
      : [];
  return [
    `swinyolo ${command}: ${summaries[command]}`,
    "",
    `  ${examples[command]}`,
    "",
    "Options (name=value, --name value or, for true, the bare name):",
    ...rows,
    ...hyp,
  ].join("\n");
}

function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    if (lines[lines.length - 1].length + word.length + 1 > width) lines.push("");
    lines[lines.length - 1] += `${lines[lines.length - 1] ? " " : ""}${word}`;
  }
  return lines.join(`\n${indent}`);
}
