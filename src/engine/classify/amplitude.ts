import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClassBatch } from "../../data/index.js";
import {
  compile,
  type Graph,
  graph,
  type HostArray,
  hostArray,
  inference,
  input,
  type Runtime,
  reduceMean,
  type SessionOptions,
  sqrt,
  square,
  sub,
  type Tensor,
} from "../../graph/index.js";
import { type Classifier, paramInputs } from "../../nn/index.js";
import { loadPlots } from "../report/load.js";
import { headerOf, parseResults, resultsLine } from "../run/results.js";
import { writeAtomic } from "../weights/files.js";

export interface AmplitudeRun {
  readonly model: Classifier;
  readonly folder: string;
  /** The pictures that amplitudes are measured on, always the same. */
  readonly batch: ClassBatch;
}

/**
 * Keeps amplitude.csv of a run: after every epoch (0: before the first) the standard deviation of what each block gives for
 * one batch of pictures; `draw` plots it as amplitude.png. A run that goes on adds to its file.
 */
export async function recordAmplitudes(
  runtime: Runtime,
  { model, folder, batch }: AmplitudeRun,
  session: SessionOptions,
) {
  const file = join(folder, "amplitude.csv");
  const traced = amplitudeGraph(model, batch.shape);
  const names = [...traced.outputs.keys()];
  const program = await compile(runtime, traced, session);
  const images = hostArray("float32", batch.shape, batch.images);
  return {
    async measure(epoch: number, weights: ReadonlyMap<string, HostArray>): Promise<void> {
      const made = await program.run(new Map([...weights, ["images", images]]));
      if (epoch === 0 || !existsSync(file)) await writeAtomic([[file, headerOf(["epoch", ...names])]]);
      appendFileSync(file, resultsLine([epoch, ...names.map((name) => (made.get(name)!.data as Float32Array)[0])]));
    },
    async draw(): Promise<void> {
      const { amplitudePlot, writePlot } = await loadPlots();
      const curves = parseResults(readFileSync(file, "utf8")).map(({ epoch, ...blocks }) => ({
        epoch,
        values: Object.values(blocks),
      }));
      await writePlot(join(folder, "amplitude.png"), amplitudePlot([{ title: "Amplitude of the blocks", curves }]));
    },
    release: () => program.release(),
  };
}

/** Pictures of this shape to the standard deviation of every block's output, by the block's name; weights are inputs. */
export function amplitudeGraph(model: Classifier, shape: readonly number[]): Graph {
  const images = input(shape, { label: "images" });
  const outputs = Object.fromEntries([...model.blockOutputs(images)].map(([name, x]) => [name, spread(x)]));
  return inference(graph(new Map([...paramInputs(model.module), ["images", images]]), outputs));
}

function spread(x: Tensor): Tensor {
  const axes = x.shape.map((_, i) => i);
  return sqrt(reduceMean(square(sub(x, reduceMean(x, { axes, keepDims: true }))), { axes, keepDims: false }));
}
