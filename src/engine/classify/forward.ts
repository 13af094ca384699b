import {
  compile,
  type Graph,
  graph,
  type HostArray,
  hostArray,
  inference,
  input,
  type Runtime,
  type SessionOptions,
} from "../../graph/index.js";
import { type Classifier, paramInputs } from "../../nn/index.js";
import { bindWeights, programsByShape } from "../inference/forward.js";
import { softmaxRows } from "../metrics/accuracy.js";

/** Something that classifies: normalised pictures [b, 3, h, w] to the probabilities of the classes, a row for each. */
export interface ClassBackend {
  readonly names: readonly string[];
  /** Height and width of pictures, where only one will do. */
  readonly size?: readonly [height: number, width: number];
  /** Pictures a run, where only one number will do. */
  readonly batch?: number;
  run(images: HostArray): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** Normalised pictures to `logits`, as used: running statistics, no dropout. Weights are inputs. */
export function classifyGraph(model: Classifier, shape: readonly number[]): Graph {
  const images = input(shape, { label: "images" });
  return inference(
    graph(new Map([...paramInputs(model.module), ["images", images]]), { logits: model.module(images) }),
  );
}

/** A classifier that is handed its weights with every batch, so that other ones need no compiling. */
export function fedClassifier(runtime: Runtime, model: Classifier, options: SessionOptions) {
  const programs = programsByShape({ ...options, keep: 2 }, (shape) =>
    compile(runtime, classifyGraph(model, shape), options),
  );
  return {
    async run(images: HostArray, weights: ReadonlyMap<string, HostArray>): Promise<Float32Array[]> {
      const program = await programs.get(images.shape);
      const { data } = (await program.run(new Map([...weights, ["images", images]]))).get("logits")!;
      return softmaxRows(data as Float32Array, model.classes);
    },
    release: programs.release,
  };
}

/** A classifier with fixed weights: part of the compiled graph, where they are folded and laid out for speed. */
export function nativeClassifier(
  runtime: Runtime,
  { model, weights, names }: { model: Classifier; weights: ReadonlyMap<string, HostArray>; names: readonly string[] },
  options: SessionOptions,
): ClassBackend {
  const programs = programsByShape({ ...options, keep: 2 }, (shape) =>
    compile(runtime, bindWeights(classifyGraph(model, shape), weights), options),
  );
  return {
    names,
    size: model.family === "swinv2" ? model.imageSize : undefined,
    async run(images) {
      const { data } = (await (await programs.get(images.shape)).run(new Map([["images", images]]))).get("logits")!;
      return softmaxRows(data as Float32Array, model.classes);
    },
    release: programs.release,
  };
}

/** Runs pictures through a classifier; for one of a fixed batch the last batch is filled up with zeros. */
export async function runFilled({ batch, run }: ClassBackend, images: HostArray): Promise<Float32Array[]> {
  const [count, ...rest] = images.shape;
  if (batch === undefined || batch === count) return run(images);
  const filled = hostArray("float32", [batch, ...rest]);
  (filled.data as Float32Array).set(images.data as Float32Array);
  return (await run(filled)).slice(0, count);
}
