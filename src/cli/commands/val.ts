import { parseOptions } from "../../engine/config/index.js";
import { type ClassResult, val as run } from "../../engine/index.js";
import { generalFormat } from "../../engine/run/results.js";
import { bar } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo val`: the table of figures. */
export async function val({ given, output, interrupt }: Call): Promise<void> {
  const { verbose } = parseOptions("val", given).options;
  const start = performance.now();
  const onProgress = (done: number, total: number) => {
    const speed = done / ((performance.now() - start) / 1000);
    output.progress(
      `Validating  ${bar(done / total)} ${done}/${total}  ${speed.toFixed(1)} pictures/s  ${Math.round((total - done) / speed)} s left`,
    );
  };
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

const row = (name: string, cells: readonly string[]): string =>
  `${name.slice(0, 22).padStart(22)}${cells.map((cell) => cell.padStart(11)).join("")}`;

const figures = ({ name, images, instances, precision, recall, map50, map }: ClassResult): string =>
  row(name, [
    String(images),
    String(instances),
    ...[precision, recall, map50, map].map((value) => generalFormat(value, 3)),
  ]);
