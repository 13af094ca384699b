import { basename } from "node:path";
import { isClassifyCall } from "../../engine/config/index.js";
import { type ClassPrediction, type Prediction, predict as run } from "../../engine/index.js";
import { bar, duration } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo predict`: a line a picture, a progress line for a video. */
export async function predict(call: Call): Promise<void> {
  if (isClassifyCall("predict", call.given)) return predictClasses(call);
  const { given, output, interrupt } = call;
  const sums = { count: 0, preprocess: 0, inference: 0, nms: 0 };
  let folder: string | undefined;
  let video: { path: string; start: number } | undefined;
  for await (const found of run(given, { signal: interrupt() })) {
    folder = found.run;
    sums.count++;
    for (const stage of ["preprocess", "inference", "nms"] as const) sums[stage] += found.ms[stage];
    if (output.json) {
      const { path, width, height, detections, ms, frame } = found;
      output.object({ path, width, height, detections, ms, ...(frame !== undefined && { frame }) });
    } else if (found.frame === undefined) output.line(describe(found));
    else {
      if (video?.path !== found.path) video = { path: found.path, start: performance.now() };
      showFrame(found, video.start);
    }
  }
  const per = (ms: number) => (ms / Math.max(sums.count, 1)).toFixed(1);
  output.line(
    `\nSpeed: ${per(sums.preprocess)} ms preparing, ${per(sums.inference)} ms inference, ${per(sums.nms)} ms NMS a picture`,
  );
  if (folder) output.line(`Written to ${folder}`);

  function showFrame(found: Prediction, start: number): void {
    const { frame = 1, frames = 0 } = found;
    const speed = frame / ((performance.now() - start) / 1000);
    if (frame === frames) output.line(`${basename(found.path)}: ${frames} frames at ${speed.toFixed(1)} a second`);
    else
      output.progress(
        `${basename(found.path)}  ${bar(frame / frames)} ${frame}/${frames}  ${speed.toFixed(1)} frames/s  ${duration((frames - frame) / speed)} left  ${counts(found)}`,
      );
  }
}

async function predictClasses({ given, output, interrupt }: Call): Promise<void> {
  const sums = { count: 0, preprocess: 0, inference: 0 };
  let folder: string | undefined;
  for await (const found of run({ ...given, task: "classify" }, { signal: interrupt() })) {
    folder = found.run;
    sums.count++;
    for (const stage of ["preprocess", "inference"] as const) sums[stage] += found.ms[stage];
    if (output.json) {
      const { path, width, height, classes, ms } = found;
      output.object({ path, width, height, classes, ms });
    } else output.line(describeClasses(found));
  }
  const per = (ms: number) => (ms / Math.max(sums.count, 1)).toFixed(1);
  output.line(`\nSpeed: ${per(sums.preprocess)} ms preparing, ${per(sums.inference)} ms inference a picture`);
  if (folder) output.line(`Written to ${folder}`);
}

const describeClasses = (found: ClassPrediction): string =>
  `image ${found.image}/${found.images} ${found.path}: ${found.width}x${found.height} ${found.classes.map(({ name, probability }) => `${name} ${probability.toFixed(2)}`).join(", ")}, ${found.ms.inference.toFixed(1)} ms`;

const describe = (found: Prediction): string =>
  `image ${found.image}/${found.images} ${found.path}: ${found.width}x${found.height} ${counts(found)}, ${found.ms.inference.toFixed(1)} ms`;

/** `4 persons, 1 bus` */
function counts({ detections }: Prediction): string {
  const numbers = new Map<string, number>();
  for (const { name } of [...detections].sort((a, b) => a.class - b.class))
    numbers.set(name, (numbers.get(name) ?? 0) + 1);
  if (numbers.size === 0) return "no detections";
  return [...numbers].map(([name, n]) => `${n} ${name}${n > 1 ? "s" : ""}`).join(", ");
}
