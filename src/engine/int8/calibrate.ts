import {
  compile,
  type Graph,
  graph,
  type HostArray,
  type Range,
  type Runtime,
  sizeOf,
  type Tensor,
  tensorsToMeasure,
  toFloat32,
} from "../../graph/index.js";
import { count, emptyHistogram, type Histogram } from "./histogram.js";
import { asBatch } from "./network.js";
import { type Calibration, rangeOf } from "./ranges.js";

export interface CalibrateOptions {
  readonly method: Calibration;
  /** Of `percentile`. */
  readonly percentile?: number;
  /** Called after each batch of each part. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Numbers that one part of the values may take in memory at once. */
const most = 64e6;

/** The range of every value that `quantize` asks for, while the graph runs on batches of pictures uint8 [b, c, h, w]. */
export async function calibrate(
  runtime: Runtime,
  g: Graph,
  batches: readonly HostArray[],
  { method, percentile, onProgress }: CalibrateOptions,
): Promise<Map<Tensor, Range>> {
  const [name, images] = [...g.inputs][0];
  const size = images.shape[0];
  const wanted = tensorsToMeasure(g).filter((x) => x !== images);
  const ranges = new Map<Tensor, Range>([[images, { low: 0, high: 1 }]]);
  const parts = inParts(wanted);
  for (const [at, part] of parts.entries()) {
    const outputs = new Map(part.map((x, i): [string, Tensor] => [`value.${i}`, x]));
    const histograms = part.map(emptyHistogram);
    const program = await compile(runtime, graph(g.inputs, outputs));
    for (const [i, batch] of batches.entries()) {
      const values = await program.run(new Map([[name, asBatch(batch, size)]]));
      part.forEach((_, k) => {
        count(histograms[k], toFloat32(values.get(`value.${k}`)!));
      });
      onProgress?.(at * batches.length + i + 1, parts.length * batches.length);
    }
    await program.release();
    part.forEach((x, k) => {
      ranges.set(
        x,
        finite(histograms[k], () => rangeOf(histograms[k], method, { percentile })),
      );
    });
  }
  return ranges;
}

function finite({ low, high }: Histogram, range: () => Range): Range {
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw new Error("the model's values are not finite");
  return range();
}

function inParts(tensors: readonly Tensor[]): Tensor[][] {
  const parts: Tensor[][] = [];
  let room = 0;
  for (const x of tensors) {
    const size = sizeOf(x.shape);
    if (parts.length === 0 || size > room) {
      parts.push([]);
      room = most;
    }
    parts[parts.length - 1].push(x);
    room -= size;
  }
  return parts;
}
