import { statSync } from "node:fs";
import { imageNet, rng } from "../../data/index.js";
import { Failure, UserError } from "../../errors/index.js";
import {
  bake,
  compile,
  freeBatch,
  graph,
  type HostArray,
  hostArray,
  input,
  lower,
  openModel,
  toFloat32,
  half as toHalf,
  toOnnx,
  useRunningStatistics,
} from "../../graph/index.js";
import { type BlockDefinition, type Classifier, paramInputs } from "../../nn/index.js";
import type { ClassifyOptions } from "../config/index.js";
import { bindWeights } from "../inference/forward.js";
import { loadRuntime } from "../runtime.js";
import { writeAtomic } from "../weights/files.js";
import { classifyGraph } from "./forward.js";
import { type OpenedWeights, openWeights } from "./open.js";

/** What was written, and how it compares with the model it came from on a test picture. */
export interface ClassifyExportResult {
  readonly task: "classify";
  readonly file: string;
  readonly megabytes: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly check: { readonly maxDifference: number };
}

/**
 * Writes a classifier as an ONNX file, from normalised pictures to logits, and checks that it says the same as the model.
 * @throws UserError for wrong options; Failure when the check fails.
 */
export async function exportClassifier(
  options: ClassifyOptions<"export">,
  { extra }: { extra?: readonly BlockDefinition[] } = {},
): Promise<ClassifyExportResult> {
  const { weights, model: yaml, imgsz, batch, dynamic, half } = options;
  if (weights === undefined) throw new UserError("weights expected: weights=best.safetensors");
  const runtime = await loadRuntime();
  const loaded = await openWeights({ weights, model: yaml, imgsz, extra });
  const { model } = loaded;
  const used = (b: number) => {
    const g = classifyGraph(model, shapeOf(model, b));
    return graph(g.inputs, { output0: g.outputs.get("logits")! });
  };
  const baked = lower(await bake(runtime, dynamic ? freeBatch(used(1), used(2)) : used(batch), loaded.weights));
  const written = half ? toHalf(baked, { keep: () => false }) : baked;
  const free = { 0: "batch" };
  const bytes = toOnnx(written, {
    metadata: metadataOf(loaded),
    ...(dynamic && { freeAxes: { images: free, output0: free } }),
  });
  const file = options.out ?? `${weights.replace(/\.(safetensors|pth?)$/i, "")}.onnx`;
  const shape = shapeOf(model, dynamic ? 1 : batch);
  const maxDifference = await compare(bytes, loaded, { shape, half });
  await writeAtomic([[file, bytes]]);
  const described = ([name, { dtype, shape: s }]: [string, { dtype: string; shape: readonly number[] }]) =>
    `${name} ${dtype}[${dynamic ? ["batch", ...s.slice(1)] : s}]`;
  return {
    task: "classify",
    file,
    megabytes: statSync(file).size / 1e6,
    inputs: [...written.inputs].map(described),
    outputs: [...written.outputs].map(described),
    check: { maxDifference },
  };
}

const shapeOf = ({ channels, imageSize }: Classifier, batch: number): number[] => [batch, channels, ...imageSize];

function metadataOf({ model, names, fit = "short" }: OpenedWeights): Record<string, string> {
  const { mean, std } = imageNet;
  return {
    description: "SwinYOLO classifier",
    task: "classify",
    names: JSON.stringify(Object.fromEntries(names.map((name, i) => [i, name]))),
    imgsz: JSON.stringify(model.imageSize),
    fit,
    mean: JSON.stringify(mean),
    std: JSON.stringify(std),
    preprocessing: `RGB planes, ${fits[fit]}, divided by 255, less mean, over std`,
    output: "logits",
  };
}

const fits = {
  short: "shorter side to 8/7 of the input's (bicubic), centre",
  squash: "resized without regard to the aspect (bicubic)",
  square: "largest centred square, resized (bilinear)",
} as const;

// The file against the model as it was trained, nothing folded, on noise; the largest difference of logits.
async function compare(
  bytes: Uint8Array,
  { model, weights }: OpenedWeights,
  { shape, half }: { shape: readonly number[]; half: boolean },
): Promise<number> {
  const runtime = await loadRuntime();
  const random = rng("export");
  const size = shape.reduce((n, d) => n * d, 1);
  const images = hostArray(
    "float32",
    shape,
    Float32Array.from({ length: size }, () => random.normal()),
  );
  const x = input(shape, { label: "images" });
  const traced = graph(new Map([...paramInputs(model.module), ["images", x]]), { output0: model.module(x) });
  const reference = await compile(runtime, bindWeights(useRunningStatistics(traced), weights));
  const exported = await openModel(runtime, bytes);
  try {
    const [wanted, got] = [
      await reference.run(new Map([["images", images]])),
      await exported.run(new Map([["images", images]])),
    ];
    const difference = largestDifference(wanted.get("output0")!, got.get("output0")!);
    const largest = toFloat32(wanted.get("output0")!).reduce((most, v) => Math.max(most, Math.abs(v)), 1);
    if (!(difference <= (half ? 0.05 : 1e-3) * largest)) {
      throw new Failure(`the exported file differs from the model: by up to ${difference}; nothing was written`);
    }
    return difference;
  } finally {
    await reference.release();
    await exported.release();
  }
}

function largestDifference(a: HostArray, b: HostArray): number {
  const [x, y] = [toFloat32(a), toFloat32(b)];
  return x.reduce(
    (most, v, i) => Math.max(most, Math.abs(v - y[i])),
    x.length === y.length ? 0 : Number.POSITIVE_INFINITY,
  );
}
