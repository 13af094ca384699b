import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, duels, settingOf } from "../bench.js";
import { caseName, casesOf } from "../cases.js";
import { ours } from "../contenders.js";
import type { Duel, Side } from "../duel.js";
import { rivalOf, table } from "../report.js";
import { median } from "../stats.js";
import type { StepTime } from "../turns.js";

/** What a step takes besides the kernels of ONNX Runtime. */
export const overhead: Bench = async (options, keep) => {
  const effort = { rounds: 10, minutes: 3, check: false };
  const models = options.models ?? ["yolov5n", "yolov5n-swinv2"];
  const cases = [
    ...casesOf("train", models, options.cases ?? ["4x320"]),
    ...casesOf("inference", models, options.cases ?? ["1x640"]),
  ];
  const found: Duel[] = [];
  for (const one of cases) {
    const folder = await mkdtemp(join(tmpdir(), "swinyolo-profile-"));
    try {
      const contenders = [ours(), ours("profiled", [`--profile=${folder}`])] as const;
      found.push(...(await duels([one], contenders, { options, keep, effort })));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const { rounds, threads, waiting } = settingOf(options, effort);
  return {
    data: { rounds, threads, waiting, duels: found },
    markdown: [
      `${threads} threads, ${waiting} while they wait; medians of up to ${rounds} steps. Two processes take turns: a plain one, whose step is split by the clock into what passes inside ONNX Runtime's sessions, the update of the weights (arithmetic of our own) and the rest outside, and one that ONNX Runtime profiles (slower for that), whose step is split into the sum of all kernels with the update, and the rest. No peer.`,
      overheadTable(found),
    ].join("\n\n"),
  };
};

/** Steps by what they spend their time on. */
export function overheadTable(found: readonly Duel[]): string {
  const head = [
    "step",
    "step ms",
    "inside sessions ms",
    "update ms",
    "outside ms",
    "outside %",
    "profiled step ms",
    "kernels ms",
    "besides kernels ms",
    "besides kernels %",
  ];
  const row = (one: Duel) => {
    const profiled = rivalOf(one, "profiled")?.side;
    const update = one.ours.updateMs ?? 0;
    const outside = rest(one.ours, ({ runMs = 0, updateMs = 0 }) => runMs + updateMs);
    const besides = profiled && rest(profiled, ({ updateMs = 0 }, i) => (profiled.kernelMs?.[i] ?? 0) + updateMs);
    const share = (part: number, side: Side) => `${((100 * part) / side.ms).toFixed(1)}`;
    return [
      `${one.kind} ${caseName(one)}`,
      one.ours.ms.toFixed(1),
      (one.ours.ms - outside - update).toFixed(1),
      update.toFixed(1),
      outside.toFixed(1),
      share(outside, one.ours),
      ...(profiled && besides !== undefined
        ? [profiled.ms.toFixed(1), (profiled.ms - besides).toFixed(1), besides.toFixed(1), share(besides, profiled)]
        : ["-", "-", "-", "-"]),
    ];
  };
  return table(head, found.map(row));
}

const rest = ({ steps }: Side, part: (step: StepTime, i: number) => number): number =>
  median(steps.map((step, i) => step.ms - part(step, i)));
