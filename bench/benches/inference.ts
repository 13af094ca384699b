import { readModelFile } from "swinyolo/engine";
import { isClassifier } from "swinyolo/nn";
import { type Bench, duels, opening, settingOf } from "../bench.js";
import { caseName, casesOf } from "../cases.js";
import { opencv, ours, pytorch, raw } from "../contenders.js";
import type { Duel } from "../duel.js";
import { interval, mebibytes, rivalOf, table } from "../report.js";
import { inverse } from "../stats.js";
import { defaultModels } from "./train.js";

/** Pictures to decoded rows: latency at batch 1, throughput at batch 8. */
export const inference: Bench = async (options, keep) => {
  const effort = { rounds: 30, minutes: 5 };
  const contenders = [ours(), pytorch(options.waiting), opencv(options.waiting), raw] as const;
  const cases = casesOf("inference", options.models ?? defaultModels, options.cases ?? ["1x640", "8x640"]);
  // The other two take the file of a detector.
  const detectors = cases.filter(({ model }) => !isClassifier(readModelFile(model).yaml));
  const classifiers = cases.filter((one) => !detectors.includes(one));
  const found = [
    ...(await duels(detectors, contenders, { options, keep, effort })),
    ...(await duels(classifiers, [contenders[0], contenders[1]], { options, keep, effort })),
  ];
  const setting = settingOf(options, effort);
  return {
    data: { ...setting, duels: found },
    markdown: [
      opening(found, contenders, setting),
      "OpenCV and raw onnxruntime-node run files that we export, on pictures that are numbers from 0 to 1 already; ours and PyTorch begin with bytes. OpenCV gives raw maps (4.6 fails on the decoding), all others decoded rows. Ours / raw is our time over that of raw onnxruntime-node: what it is above 1 is our overhead.",
      inferenceTable(found),
    ].join("\n\n"),
  };
};

/** Latency and throughput of all sides, and how many times each one's speed ours is. */
export function inferenceTable(found: readonly Duel[]): string {
  const rivals = ["PyTorch", "OpenCV", "raw"];
  const head = [
    "model, batch x size",
    "x PyTorch's speed (95%)",
    "x OpenCV's speed (95%)",
    "ours / raw (95%)",
    "rounds",
    ...["ours", ...rivals].map((name) => `${name} ms`),
    "ours pictures/s",
    ...["ours", ...rivals].map((name) => `${name} MiB`),
  ];
  const row = (one: Duel) => {
    const [torch, cv, bare] = rivals.map((name) => rivalOf(one, name));
    const all = (say: (side: Duel["ours"]) => string) =>
      [one.ours, torch?.side, cv?.side, bare?.side].map((side) => (side ? say(side) : "-"));
    return [
      caseName(one),
      torch?.speed ? interval(torch.speed) : "-",
      cv?.speed ? interval(cv.speed) : (refusal(one, "OpenCV") ?? "-"),
      bare?.speed ? interval(inverse(bare.speed)) : "-",
      String(one.rounds),
      ...all(({ ms }) => ms.toFixed(1)),
      ((one.batch / one.ours.ms) * 1000).toFixed(1),
      ...all(({ peak }) => mebibytes(peak)),
    ];
  };
  return table(head, found.map(row));
}

// In the cell only that there is a reason, which stands above the table.
const refusal = ({ rivals }: Duel, name: string): string | undefined => {
  const missing = rivals.find((rival) => rival.name === name)?.missing;
  return missing === undefined || missing.startsWith("no ") ? undefined : "cannot run it";
};
