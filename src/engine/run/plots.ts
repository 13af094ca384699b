import { join } from "node:path";
import { type Batch, type ClassBatch, type Entry, writePicture } from "../../data/index.js";
import { batchGrid, classGrid } from "../draw/index.js";
import type { PictureResult } from "../evaluate.js";
import { type Classified, classConfusion, likeliest } from "../metrics/accuracy.js";
import type { ClassMetrics } from "../metrics/ap.js";
import { confusionMatrix } from "../metrics/confusion.js";
import { loadPlots } from "../report/load.js";
import { parseResults } from "./results.js";

/** labels.jpg: what the labels of the training pictures look like. */
export async function plotLabels(folder: string, entries: readonly Entry[], names: readonly string[]): Promise<void> {
  const classes = entries.flatMap(({ labels }) => Array.from(labels.classes));
  const boxes = entries.flatMap(({ labels }) => Array.from(labels.boxes));
  const { labelsPlot, writePlot } = await loadPlots();
  await writePlot(join(folder, "labels.jpg"), labelsPlot({ classes, boxes }, { names }));
}

/** results.png: losses and figures over the epochs, from results.csv. */
export async function plotResults(folder: string, csv: string, columns?: readonly string[]): Promise<void> {
  const { resultsPlot, writePlot } = await loadPlots();
  await writePlot(join(folder, "results.png"), resultsPlot(parseResults(csv), columns));
}

/** How many batches are drawn. */
const drawn = 3;

/** train_batchN.jpg for the first batches of a run. */
export async function drawTrainBatch(
  folder: string,
  batch: Batch,
  number: number,
  names: readonly string[],
): Promise<void> {
  if (number < drawn)
    await writePicture(batchGrid(batch, undefined, { names }), join(folder, `train_batch${number}.jpg`));
}

/** Draws the first batches of a validation with their labels and with what was found; `add` for each, then `finish`. */
export function valPlots(folder: string, names: readonly string[]) {
  const pending: Promise<void>[] = [];
  const results: PictureResult[] = [];
  let number = 0;
  return {
    picture: (result: PictureResult) => results.push(result),
    batch(batch: Batch, detections: readonly Float32Array[]) {
      if (number >= drawn) return;
      const file = (what: string) => join(folder, `val_batch${number}_${what}.jpg`);
      pending.push(writePicture(batchGrid(batch, undefined, { names }), file("labels")));
      pending.push(writePicture(batchGrid(batch, detections, { names }), file("pred")));
      number++;
    },
    /** confusion_matrix.png and the four curves. */
    async finish(metrics: ClassMetrics) {
      await Promise.all(pending);
      const { confusionPlot, curvePlot, writePlot } = await loadPlots();
      const matrix = confusionMatrix(names.length, results);
      await writePlot(join(folder, "confusion_matrix.png"), confusionPlot(matrix, { names }));
      for (const kind of ["PR", "F1", "P", "R"] as const) {
        await writePlot(join(folder, `${kind}_curve.png`), curvePlot(metrics, kind, { names }));
      }
    },
  };
}

/** train_batchN.jpg for the first batches of a classifier's run, with the likeliest class of each target. */
export async function drawClassBatch(
  folder: string,
  batch: ClassBatch,
  number: number,
  names: readonly string[],
): Promise<void> {
  if (number < drawn)
    await writePicture(classGrid(batch, titlesOf(batch, names)), join(folder, `train_batch${number}.jpg`));
}

const titlesOf = ({ targets, shape: [count] }: ClassBatch, names: readonly string[]): string[] =>
  Array.from({ length: count }, (_, i) => {
    const [first, second] = likeliest(targets.subarray(i * names.length, (i + 1) * names.length), 2);
    const share = (c: number) => targets[i * names.length + c];
    return share(first) > 0.8 ? names[first] : `${names[first]} ${share(first).toFixed(2)} ${names[second]}`;
  });

/** Draws the first batches of a validation with their classes and those found; `batch` for each, then `finish`. */
export function classPlots(folder: string, names: readonly string[]) {
  const pending: Promise<void>[] = [];
  return {
    batch(batch: ClassBatch, probabilities: readonly Float32Array[]) {
      const number = pending.length;
      if (number >= drawn) return;
      const titles = batch.sources.map(({ label }, i) => {
        const [found] = likeliest(probabilities[i], 1);
        return found === label ? names[label] : `${names[label]}, not ${names[found]}`;
      });
      pending.push(writePicture(classGrid(batch, titles), join(folder, `val_batch${number}_pred.jpg`)));
    },
    /** confusion_matrix.png */
    async finish(results: readonly Classified[]) {
      await Promise.all(pending);
      const { confusionPlot, writePlot } = await loadPlots();
      const matrix = classConfusion(names.length, results);
      await writePlot(join(folder, "confusion_matrix.png"), confusionPlot(matrix, { names, background: false }));
    },
  };
}
