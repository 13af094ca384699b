import { isClassifyCall } from "../../engine/config/index.js";
import { type ExportResult, exportModel as run } from "../../engine/index.js";
import type { Output } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo export`: writes the file and says how it compares with the model. */
export async function exportModel({ given, output }: Call): Promise<void> {
  output.progress("Tracing, folding and checking ...");
  const context = { onProgress: output.progress };
  const result = isClassifyCall("export", given)
    ? await run({ ...given, task: "classify" }, context)
    : await run(given, context);
  output.object(result);
  output.line(`Wrote ${result.file} (${result.megabytes.toFixed(1)} MB)`);
  output.line(`  input   ${result.inputs.join("; ")}`);
  output.line(`  output  ${result.outputs.join("; ")}`);
  const difference = `largest difference ${result.check.maxDifference.toExponential(1)}`;
  if ("task" in result) output.line(`  check   same logits as the model; ${difference}`);
  else if (result.int8) int8Lines(result.int8, output);
  else output.line(`  check   same detections as the model; ${difference}`);
  output.line(`Run it: swinyolo predict weights=${result.file} source=PICTURES`);
}

function int8Lines(r: NonNullable<ExportResult["int8"]>, output: Output): void {
  const { map50, map, megabytes, msPerPicture } = r;
  const percent = (value: number) => (100 * value).toFixed(2);
  const row = (name: string, before: string, after: string, note: string) =>
    output.line(`  ${name.padEnd(18)}${before.padStart(9)}${after.padStart(9)}  ${note}`);
  row("", "float32", "int8", "");
  row("mAP50", percent(map50.before), percent(map50.after), `on ${r.images} pictures of val`);
  row("mAP50-95", percent(map.before), percent(map.after), `${percent(map.after - map.before)} points`);
  row("megabytes", megabytes.before.toFixed(2), megabytes.after.toFixed(2), "");
  const speed = `${(msPerPicture.before / msPerPicture.after).toFixed(2)} times as fast, measured in turns`;
  row("ms a picture", msPerPicture.before.toFixed(1), msPerPicture.after.toFixed(1), speed);
  output.line(`  calibrated on ${r.calibrationImages} pictures of train (${r.calibration})`);
  output.line(
    `  ${r.kept.length} of ${r.layers} layers kept in float32${r.kept.length ? `: ${r.kept.join(", ")}` : ""}`,
  );
}
