import { type Batch, type Loader, type Source, scaleBoxes } from "../data/index.js";
import { hostArray } from "../graph/index.js";
import type { StageTimes } from "./inference/detect.js";
import type { ForwardResult } from "./inference/forward.js";
import type { LossProgram } from "./inference/loss.js";
import { apPerClass, type ClassMetrics } from "./metrics/ap.js";
import { iouThresholds, matchDetections } from "./metrics/match.js";
import { nonMaxSuppression } from "./nms.js";

/** Figures of one class, or of all. */
export interface ClassResult {
  readonly class: number;
  readonly name: string;
  readonly images: number;
  readonly instances: number;
  readonly precision: number;
  readonly recall: number;
  readonly map50: number;
  readonly map: number;
}

/** How good detections on a data set are. */
export interface Evaluation {
  readonly precision: number;
  readonly recall: number;
  readonly map50: number;
  readonly map: number;
  readonly images: number;
  readonly instances: number;
  /** Classes that have labels. */
  readonly classes: readonly ClassResult[];
  /** Mean box, objectness and class loss; zeros where no loss program was given. */
  readonly loss: readonly [number, number, number];
  readonly ms: StageTimes;
  /** Pictures that stay without detections, because their batch's non-maximum suppression took too long. */
  readonly late: number;
  readonly metrics: ClassMetrics;
}

/** Objects of one picture in its own pixels: detections x1, y1, x2, y2, confidence, class; labels class, x1, y1, x2, y2. */
export interface PictureResult {
  readonly source: Source;
  readonly detections: Float32Array;
  readonly labels: Float32Array;
}

export interface EvaluateOptions {
  readonly names: readonly string[];
  readonly conf?: number;
  readonly iou?: number;
  readonly maxDet?: number;
  /** All classes count as one. */
  readonly singleCls?: boolean;
  readonly loss?: LossProgram;
  readonly onPicture?: (result: PictureResult) => void;
  /** Called after each batch with its rows x1, y1, x2, y2, confidence, class in pixels of the network's input. */
  readonly onBatch?: (batch: Batch, detections: readonly Float32Array[], done: number) => void;
  readonly signal?: AbortSignal;
  /** The clock that non-maximum suppression's time limit goes by, in milliseconds. */
  readonly now?: () => number;
}

/** What to say of pictures that came too late for detections, if there are any. */
export const lateMessage = ({ late, images }: Evaluation): string[] =>
  late === 0
    ? []
    : [
        `non-maximum suppression took more than 0.5 s and 0.05 s a picture: ${late} of ${images} pictures count as empty`,
      ];

/** Runs a detector over a loader's pictures and compares with their labels. */
export async function evaluate(
  run: (images: ReturnType<typeof hostArray>) => Promise<ForwardResult>,
  loader: Loader,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { conf = 0.001, iou = 0.6, maxDet = 300, singleCls = false } = options;
  const sums = { images: 0, preprocess: 0, inference: 0, nms: 0, late: 0 };
  const losses = [0, 0, 0];
  const all = collector();
  let batches = 0;
  let waiting = performance.now();
  for await (const batch of loader.epoch(0)) {
    options.signal?.throwIfAborted();
    const loaded = performance.now();
    const images = hostArray("uint8", batch.shape, batch.images);
    const { rows, maps } = await run(images);
    const ran = performance.now();
    const parts = await options.loss?.run(maps, batch.targets);
    parts?.forEach((part, i) => {
      losses[i] += part;
    });
    const begin = performance.now();
    const found = nonMaxSuppression(rows.data as Float32Array, rows.shape as [number, number, number], {
      conf,
      iou,
      maxDet,
      multiLabel: true,
      agnostic: singleCls,
      timeLimitMs: 500 + 50 * batch.sources.length,
      onTimeLimit: (done) => {
        sums.late += batch.sources.length - done;
      },
      now: options.now,
    });
    const end = performance.now();
    batch.sources.forEach((source, i) => {
      const result = inOwnPixels(source, found[i], { batch, picture: i, singleCls });
      all.add(result);
      options.onPicture?.(result);
    });
    sums.images += batch.sources.length;
    sums.preprocess += loaded - waiting;
    sums.inference += ran - loaded;
    sums.nms += end - begin;
    batches++;
    options.onBatch?.(batch, found, batches);
    waiting = performance.now();
  }
  const per = (ms: number) => ms / Math.max(sums.images, 1);
  return {
    ...all.summary(options.names, sums.images),
    loss: losses.map((sum) => sum / Math.max(batches, 1)) as [number, number, number],
    ms: { preprocess: per(sums.preprocess), inference: per(sums.inference), nms: per(sums.nms) },
    late: sums.late,
  };
}

interface InBatch {
  readonly batch: Batch;
  readonly picture: number;
  readonly singleCls: boolean;
}

function inOwnPixels(source: Source, rows: Float32Array, { batch, picture, singleCls }: InBatch): PictureResult {
  const [, , height, width] = batch.shape;
  const fit = { from: { width, height }, to: source, ratio: source.ratio, pad: source.pad };
  const n = rows.length / 6;
  const corners = new Float32Array(n * 4);
  for (let i = 0; i < n; i++) corners.set(rows.subarray(i * 6, i * 6 + 4), i * 4);
  const scaled = scaleBoxes(corners, fit);
  const detections = rows.slice();
  for (let i = 0; i < n; i++) {
    detections.set(scaled.subarray(i * 4, i * 4 + 4), i * 6);
    if (singleCls) detections[i * 6 + 5] = 0;
  }
  const classes: number[] = [];
  const truth: number[] = [];
  for (let t = 0; t < batch.targets.length; t += 6) {
    const [at, c, x, y, w, h] = batch.targets.subarray(t, t + 6);
    if (at !== picture) continue;
    classes.push(c);
    truth.push((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height);
  }
  const boxes = scaleBoxes(Float32Array.from(truth), fit);
  const labels = new Float32Array(classes.length * 5);
  classes.forEach((c, i) => {
    labels[i * 5] = c;
    labels.set(boxes.subarray(i * 4, i * 4 + 4), i * 5 + 1);
  });
  return { source, detections, labels };
}

function collector() {
  const correct: number[] = [];
  const confidence: number[] = [];
  const predicted: number[] = [];
  const labels: number[] = [];
  const seen = new Map<number, Set<number>>();
  return {
    add({ source, detections, labels: truth }: PictureResult) {
      for (const hit of matchDetections(detections, truth)) correct.push(hit);
      for (let i = 0; i < detections.length; i += 6) {
        confidence.push(detections[i + 4]);
        predicted.push(detections[i + 5]);
      }
      for (let i = 0; i < truth.length; i += 5) {
        labels.push(truth[i]);
        const pictures = seen.get(truth[i]) ?? new Set();
        seen.set(truth[i], pictures.add(source.index));
      }
    },
    summary(names: readonly string[], images: number) {
      const metrics = apPerClass({ correct, thresholds: iouThresholds.length, confidence, predicted, labels });
      const mean = (values: readonly number[]) =>
        values.length ? values.reduce((sum, v) => sum + v, 0) / values.length : 0;
      const classes = metrics.classes.map(
        (c, k): ClassResult => ({
          class: c,
          name: names[c] ?? `class${c}`,
          images: seen.get(c)!.size,
          instances: metrics.instances[k],
          precision: metrics.precision[k],
          recall: metrics.recall[k],
          map50: metrics.ap[k][0],
          map: mean(metrics.ap[k]),
        }),
      );
      return {
        precision: mean(metrics.precision),
        recall: mean(metrics.recall),
        map50: mean(classes.map(({ map50 }) => map50)),
        map: mean(classes.map(({ map }) => map)),
        images,
        instances: labels.length,
        classes,
        metrics,
      };
    },
  };
}
