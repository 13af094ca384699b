import { isClassifyCall, parseClassifyOptions, parseOptions } from "../../engine/config/index.js";
import { type ClassAccuracy, type ClassResult, val as run } from "../../engine/index.js";
import { generalFormat } from "../../engine/run/results.js";
import { bar, type Output } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo val`: the table of figures. */
export async function val(call: Call): Promise<void> {
  if (isClassifyCall("val", call.given)) return valClassifier(call);
  const { given, output, interrupt } = call;
  const { verbose } = parseOptions("val", given).options;
  const onProgress = progressOf(output);
  const { messages, ...result } = await run(given, { signal: interrupt(), onProgress });
  for (const message of messages) output.note(message);
  if (output.json) {
    output.object(result);
    return;
  }
  output.line(row("Class", ["Images", "Instances", "P", "R", "mAP50", "mAP50-95"]));
  output.line(figures({ ...result, class: -1, name: "all" }));
  if (result.classes.length > 1 && (result.classes.length < 50 || verbose))
    for (const one of result.classes) output.line(figures(one));
  if (result.coco) {
    output.line("");
    output.line("COCO evaluation");
    for (const [name, value] of Object.entries(result.coco)) output.line(`  ${name.padEnd(6)} ${value.toFixed(3)}`);
  }
  const { preprocess, inference, nms } = result.ms;
  output.line(
    `\nSpeed: ${preprocess.toFixed(1)} ms loading, ${inference.toFixed(1)} ms inference, ${nms.toFixed(1)} ms NMS a picture`,
  );
  if (result.run) output.line(`Written to ${result.run}`);
}

async function valClassifier({ given, output, interrupt }: Call): Promise<void> {
  const { verbose } = parseClassifyOptions("val", given);
  const context = { signal: interrupt(), onProgress: progressOf(output) };
  const { messages, ...result } = await run({ ...given, task: "classify" }, context);
  for (const message of messages) output.note(message);
  if (output.json) {
    output.object(result);
    return;
  }
  output.line(row("Class", ["Images", "top-1", "top-5"]));
  output.line(accuracies({ ...result, name: "all" }));
  if (result.classes.length < 50 || verbose) for (const one of result.classes) output.line(accuracies(one));
  const { loading, inference } = result.ms;
  output.line(`\nLoss: ${result.loss.toFixed(4)}`);
  output.line(`Speed: ${loading.toFixed(1)} ms loading, ${inference.toFixed(1)} ms inference a picture`);
  if (result.run) output.line(`Written to ${result.run}`);
}

const accuracies = ({ name, images, top1, top5 }: ClassAccuracy): string =>
  row(name, [String(images), ...[top1, top5].map((value) => generalFormat(value, 3))]);

function progressOf(output: Output): (done: number, total: number) => void {
  const start = performance.now();
  return (done, total) => {
    const speed = done / ((performance.now() - start) / 1000);
    output.progress(
      `Validating  ${bar(done / total)} ${done}/${total}  ${speed.toFixed(1)} pictures/s  ${Math.round((total - done) / speed)} s left`,
    );
  };
}

const row = (name: string, cells: readonly string[]): string =>
  `${name.slice(0, 22).padStart(22)}${cells.map((cell) => cell.padStart(11)).join("")}`;

const figures = ({ name, images, instances, precision, recall, map50, map }: ClassResult): string =>
  row(name, [
    String(images),
    String(instances),
    ...[precision, recall, map50, map].map((value) => generalFormat(value, 3)),
  ]);
