import { transferModel as run, type Transferred } from "../../engine/index.js";
import { bar, table } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo transfer`: which windows became which, and what that changed. */
export async function transfer({ given, output, interrupt }: Call): Promise<void> {
  const onProgress = (done: number, total: number) =>
    output.progress(`Comparing  ${bar(done / total)} ${done}/${total}`);
  const result = await run(given, { signal: interrupt(), onProgress });
  output.object(result);
  const [from, to] = result.imgsz;
  output.line(`Pictures of ${from} x ${from} -> ${to} x ${to} pixels`);
  const rows = result.windows.map((one) => [one.place, one.from, one.to, one.trained]);
  output.line(table(["windows of", "before", "now", "bias trained at"], rows));
  output.line("");
  for (const line of changesOf(result)) output.line(line);
  output.line(`Written to ${result.file}`);
}

function changesOf({ classify, detect }: Transferred): string[] {
  if (classify) {
    const { pictures, largest, mean, agreement } = classify;
    return [
      `${pictures} pictures: probabilities changed by ${small(mean)} in the mean, ${small(largest)} at most; the likeliest class is the same for ${(100 * agreement).toFixed(1)} %`,
    ];
  }
  if (detect) {
    const { pictures, before, after, kept, largest, mean, overlap } = detect;
    return [
      `${pictures} pictures: ${before} detections before, ${after} now, ${kept} kept; their confidences changed by ${small(mean)} in the mean, ${small(largest)} at most, their boxes overlap by ${overlap.toFixed(3)}`,
    ];
  }
  return ["Not compared; source=PICTURES shows how outputs change"];
}

const small = (value: number): string => (value === 0 ? "0" : value < 1e-3 ? value.toExponential(1) : value.toFixed(4));
