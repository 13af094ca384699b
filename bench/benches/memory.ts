import { estimateTraining, type MemoryEstimate, type Recompute, readModelFile } from "swinyolo/engine";
import { buildModel } from "swinyolo/nn";
import { type Bench, duels, opening, settingOf } from "../bench.js";
import { type Case, caseName, casesOf } from "../cases.js";
import { ours, pytorch } from "../contenders.js";
import type { Duel } from "../duel.js";
import { mebibytes, table } from "../report.js";

/** Peak memory of training beside the planned one. */
export const memory: Bench = async (options, keep) => {
  const effort = { rounds: 5, minutes: 3 };
  const contenders = [ours(), ours("ours, recompute", ["--recompute"]), pytorch(options.waiting)] as const;
  const cases = casesOf("train", options.models ?? ["yolov5s"], options.cases ?? ["4x640"]);
  const found = await duels(cases, contenders, { options, keep, effort });
  const setting = settingOf(options, effort);
  const plans = found.map((one) => ({ ours: plan(one, "none"), "ours, recompute": plan(one, "row") }));
  return {
    data: { ...setting, duels: found, plans },
    markdown: [
      opening(found, contenders, setting),
      "Peaks are of the whole process, compiling included; at start is what it holds with its libraries loaded and nothing built. Planned is what training checks before it starts, without validation; the step is activations and gradients as ONNX Runtime lays them out.",
      table(
        ["model, batch x size", "side", "peak MiB", "at start MiB", "planned MiB", "of that the step MiB", "ms"],
        found.flatMap((one, i) => memoryRows(one, plans[i])),
      ),
    ].join("\n\n"),
  };
};

function plan({ model: name, batch, size }: Case, recompute: Recompute): MemoryEstimate {
  const { yaml, place } = readModelFile(name);
  return estimateTraining({ model: buildModel(yaml, { place }), batch, imgsz: [size, size], recompute });
}

/** A row for every side that has times. */
export function memoryRows(one: Duel, plans: Readonly<Record<string, MemoryEstimate>>): string[][] {
  const sides = [{ name: "ours", side: one.ours }, ...one.rivals];
  return sides.flatMap(({ name, side }) => {
    if (!side) return [];
    const planned = plans[name];
    return [
      [
        caseName(one),
        name,
        mebibytes(side.peak),
        mebibytes(side.base),
        planned ? mebibytes(planned.training) : "-",
        planned ? mebibytes(planned.step) : "-",
        side.ms.toFixed(0),
      ],
    ];
  });
}
