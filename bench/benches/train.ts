import { type Bench, duels, opening, settingOf } from "../bench.js";
import { type Case, caseName, casesOf } from "../cases.js";
import { ours, pytorch } from "../contenders.js";
import { type Duel, speeds } from "../duel.js";
import { interval, mebibytes, rivalOf, table } from "../report.js";
import { geometricMean } from "../stats.js";

/** Whole training steps against PyTorch. */
export const train: Bench = async (options, keep) => {
  const effort = { rounds: 30, minutes: 5 };
  const contenders = [ours(), pytorch(options.waiting)] as const;
  const found = await duels(casesFor(options.models ?? defaultModels, options.cases), contenders, {
    options,
    keep,
    effort,
  });
  const setting = settingOf(options, effort);
  const mean = meanSpeed(found);
  return {
    data: { ...setting, geometricMean: mean, duels: found },
    markdown: [
      opening(found, contenders, setting),
      trainTable(found),
      ...(mean ? [`Geometric mean over the table: ${interval(mean)} times PyTorch's speed.`] : []),
    ].join("\n\n"),
  };
};

/** The models of a detector paper's post, at a quarter and half of the width. */
export const defaultModels = ["yolov5n", "yolov5s", "yolov5n-swinv2", "yolov5s-swinv2"];

/** The shapes that were asked for; or else each model's, where the large batch of large pictures is for the small models. */
export function casesFor(models: readonly string[], shapes?: readonly string[]): Case[] {
  const usual = ["1x320", "4x320", "16x320", "1x640", "4x640"];
  const small = (model: string) => model.startsWith("yolov5n");
  return models.flatMap((model) => casesOf("train", [model], shapes ?? (small(model) ? [...usual, "16x640"] : usual)));
}

const meanSpeed = (found: readonly Duel[]) => {
  const groups = found.flatMap((one) => {
    const rival = rivalOf(one, "PyTorch");
    return rival?.side ? [speeds(one.ours, rival.side)] : [];
  });
  return groups.length > 0 ? geometricMean(groups) : undefined;
};

/** Steps of both sides: how many times PyTorch's speed, milliseconds, pictures a second, the update's share, peak memory. */
export function trainTable(found: readonly Duel[]): string {
  const head = [
    "model, batch x size",
    "x PyTorch's speed (95%)",
    "fastest steps",
    "rounds",
    "ours ms",
    "PyTorch ms",
    "ours pictures/s",
    "PyTorch pictures/s",
    "update ours ms",
    "update PyTorch ms",
    "ours MiB",
    "PyTorch MiB",
  ];
  const row = (one: Duel) => {
    const rival = rivalOf(one, "PyTorch");
    const both = (say: (side: Duel["ours"]) => string | undefined) => [
      say(one.ours) ?? "-",
      (rival?.side && say(rival.side)) ?? "-",
    ];
    return [
      caseName(one),
      rival?.speed ? interval(rival.speed) : "-",
      rival?.fastest?.toFixed(2) ?? "-",
      String(one.rounds),
      ...both(({ ms }) => ms.toFixed(0)),
      ...both(({ ms }) => ((one.batch / ms) * 1000).toFixed(1)),
      ...both(({ updateMs }) => updateMs?.toFixed(1)),
      ...both(({ peak }) => mebibytes(peak)),
    ];
  };
  return table(head, found.map(row));
}
