import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { train } from "swinyolo/engine";
import type { Bench } from "../bench.js";
import { casesOf } from "../cases.js";
import { table } from "../report.js";
import { median } from "../stats.js";
import { bloodCells, noData } from "./loader.js";

/** An epoch by its parts, in seconds. */
export interface EpochTime {
  readonly training: number;
  readonly validation: number;
}

/** Whole epochs as `swinyolo train` does them: loading, augmentation, steps, then validation with NMS and metrics. */
export const epoch: Bench = async ({ data = bloodCells(), models, cases, workers = [2], epochs = 3, threads }) => {
  if (!data) return noData;
  const found = [];
  for (const one of casesOf("train", models ?? ["yolov5n-swinv2"], cases ?? ["16x320"])) {
    for (const loaders of workers) {
      const times = await timeEpochs({ ...one, data, workers: loaders, epochs, threads });
      found.push({ ...one, workers: loaders, ...times });
      console.error(`epoch ${one.model}: ${times.epochs.map((time) => JSON.stringify(time)).join(" ")}`);
    }
  }
  const about = `Epochs of ${found[0].images} training pictures, cache=ram; medians of ${epochs} epochs, neither the first (which fills the cache and compiles) nor the last (which writes weights). No peer: these are whole runs of ours.`;
  return { data: { epochs, found }, markdown: [about, epochTable(found)].join("\n\n") };
};

interface Run {
  readonly model: string;
  readonly batch: number;
  readonly size: number;
  readonly data: string;
  readonly workers: number;
  readonly epochs: number;
  readonly threads?: number;
}

type Timed = Run & { readonly images: number };

async function timeEpochs({ model, batch, size, data, workers, epochs, threads }: Run) {
  const project = await mkdtemp(join(tmpdir(), "swinyolo-bench-"));
  try {
    const given = { model, data, batch, imgsz: size, workers, cache: "ram", epochs: epochs + 2, project };
    const switches = { noplots: true, nosave: true, patience: 0, ...(threads && { threads }) };
    let images = 0;
    const marks: Mark[] = [];
    for await (const event of train({ ...given, ...switches })) {
      if (event.type === "start") images = event.images;
      if (event.type === "epoch") marks.push({ type: "epoch", at: performance.now(), seconds: event.seconds });
      if (event.type === "batch" && event.step === event.steps) marks.push({ type: "trained", at: performance.now() });
    }
    return { images, epochs: epochTimes(marks).slice(1, -1) };
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** The end of an epoch's last batch, or of the epoch with its validation; `at` in milliseconds. */
export type Mark =
  | { readonly type: "trained"; readonly at: number }
  | { readonly type: "epoch"; readonly at: number; readonly seconds: number };

/** Training takes what the epoch says of itself, validation what passes between its last batch and its end. */
export const epochTimes = (marks: readonly Mark[]): EpochTime[] =>
  marks.flatMap((mark, i) =>
    mark.type === "epoch" ? [{ training: mark.seconds, validation: (mark.at - marks[i - 1].at) / 1000 }] : [],
  );

const epochTable = (found: readonly (Omit<Timed, "epochs" | "data"> & { epochs: readonly EpochTime[] })[]): string =>
  table(
    ["model, batch x size", "workers", "training s", "ms a picture", "pictures/s", "validation s", "epoch s"],
    found.map(({ model, batch, size, workers, images, epochs }) => {
      const training = median(epochs.map((time) => time.training));
      const validation = median(epochs.map((time) => time.validation));
      const whole = median(epochs.map((time) => time.training + time.validation));
      return [
        `${model} ${batch}x${size}`,
        String(workers),
        training.toFixed(2),
        ((training / images) * 1000).toFixed(1),
        (images / training).toFixed(1),
        validation.toFixed(2),
        whole.toFixed(2),
      ];
    }),
  );
