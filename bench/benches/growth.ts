import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, duels, opening, settingOf } from "../bench.js";
import { caseName, casesOf } from "../cases.js";
import { ours, pytorch } from "../contenders.js";
import type { Duel } from "../duel.js";
import { growthPlot } from "../growthPlot.js";
import { results, root } from "../paths.js";
import { mebibytes, rivalOf, table } from "../report.js";

/** Time and memory by the size of pictures and by how many there are at once, as a table and two plots. */
export const growth: Bench = async (options, keep) => {
  const effort = { rounds: 5, minutes: 1, check: false };
  const contenders = [ours(), pytorch(options.waiting)] as const;
  const models = options.models ?? ["yolov5n", "yolov5n-swinv2"];
  const shapes = options.cases ?? usual;
  const cases = [...casesOf("train", models, shapes), ...casesOf("inference", models, shapes)];
  const found = await duels(cases, contenders, { options, keep, effort });
  const setting = settingOf(options, effort);
  for (const by of ["size", "batch"] as const) {
    for (const folder of [results, ...(options.plots ? [join(root, "docs")] : [])]) {
      writeFileSync(join(folder, `growth-${by}.svg`), growthPlot(found, by));
    }
  }
  const pictures = "![Time and memory by size](growth-size.svg)\n\n![Time and memory by batch](growth-batch.svg)";
  return {
    data: { ...setting, duels: found },
    markdown: [
      opening(found, contenders, setting),
      ...(options.plots ? [pictures] : []),
      table(
        ["step", "ours ms", "PyTorch ms", "ours MiB", "PyTorch MiB", "rounds"],
        found.map((one) => {
          const both = (say: (side: Duel["ours"]) => string) =>
            [one.ours, rivalOf(one, "PyTorch")?.side].map((side) => (side ? say(side) : "-"));
          const memory = both(({ peak }) => mebibytes(peak));
          return [`${one.kind} ${caseName(one)}`, ...both(({ ms }) => ms.toFixed(0)), ...memory, String(one.rounds)];
        }),
      ),
    ].join("\n\n"),
  };
};

const usual = ["1x320", "1x480", "1x640", "1x960", "1x1280", "2x320", "4x320", "8x320", "16x320", "32x320"];
