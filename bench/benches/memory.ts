import { readModelFile, stepGraph } from "swinyolo/engine";
import { planMemory } from "swinyolo/graph";
import { buildModel, countParameters, namedParams } from "swinyolo/nn";
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
  const plans = found.map((one) => ({ ours: plan(one, false), "ours, recompute": plan(one, true) }));
  return {
    data: { ...setting, duels: found, plans },
    markdown: [
      opening(found, contenders, setting),
      "Peaks are of the whole process, compiling included; at start is what it holds with its libraries loaded and nothing built. Planned is what `swinyolo info` says: activations at their peak, and weights, gradients, momentum and averages.",
      table(
        ["model, batch x size", "side", "peak MiB", "at start MiB", "planned MiB", "of that activations MiB", "ms"],
        found.flatMap((one, i) => memoryRows(one, plans[i])),
      ),
    ].join("\n\n"),
  };
};

interface Plan {
  readonly activations: number;
  readonly state: number;
}

// As swinyolo info counts it.
function plan({ model: name, batch, size }: Case, recompute: boolean): Plan {
  const { yaml, place } = readModelFile(name);
  const model = buildModel(yaml, { place });
  const learned = [...namedParams(model.module)].filter(([, { kind }]) => kind === "parameter").map(([key]) => key);
  const loss = { box: 1, obj: 1, cls: 1, obj_pw: 1, cls_pw: 1, fl_gamma: 0, label_smoothing: 0 };
  const { graph } = stepGraph({
    model,
    learned,
    images: [batch, model.ch, size, size],
    capacity: 256,
    options: { loss, anchorT: 4, recompute },
  });
  return { activations: planMemory(graph).activations, state: countParameters(model.module) * 4 * 7 };
}

/** A row for every side that has times. */
export function memoryRows(one: Duel, plans: Readonly<Record<string, Plan>>): string[][] {
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
        planned ? mebibytes(planned.activations + planned.state) : "-",
        planned ? mebibytes(planned.activations) : "-",
        side.ms.toFixed(0),
      ],
    ];
  });
}
