import type { Fit } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import {
  float16Bits,
  fromOnnx,
  type HostArray,
  hostArray,
  openModel,
  type Runtime,
  type SessionOptions,
  toFloat32,
} from "../../graph/index.js";
import type { BlockDefinition } from "../../nn/index.js";
import { fits } from "../config/classifyChoices.js";
import { namesOf } from "../inference/onnx.js";
import { readModel } from "../inference/onnxFile.js";
import { softmaxRows } from "../metrics/accuracy.js";
import { loadRuntime } from "../runtime.js";
import { type ClassBackend, nativeClassifier } from "./forward.js";
import { openWeights } from "./open.js";

/** A classifier with what its pictures need. */
export interface OpenedClassifier {
  readonly backend: ClassBackend;
  readonly fit: Fit;
  readonly imgsz: number;
  /** The seed that its data was split by, where it says so. */
  readonly seed?: number;
}

export interface BackendOptions extends SessionOptions {
  readonly weights?: string;
  readonly model?: string;
  readonly imgsz?: number;
  /** Sides of the windows of our own weights, one or one a stage. */
  readonly window?: readonly number[];
  readonly fit?: Fit;
  readonly extra?: readonly BlockDefinition[];
}

/**
 * A classifier of ours or an exported one, ready to run.
 * @throws UserError naming the file and what it lacks.
 */
export async function openClassBackend(options: BackendOptions): Promise<OpenedClassifier> {
  const { weights, model, imgsz, window, fit, extra, ...session } = options;
  if (weights === undefined) throw new UserError("weights expected: weights=best.safetensors");
  const runtime = await loadRuntime();
  const exported = /\.onnx$/i.test(weights);
  if (exported && window) throw new UserError(`window: ${weights} is an exported file, whose windows are fixed`);
  if (exported) return onnxClassifier(runtime, weights, { imgsz, fit, ...session });
  const loaded = await openWeights({ weights, model, imgsz, window, extra });
  if (loaded.model.classes === 0)
    throw new UserError(`${weights}: no head that tells classes; fine-tune it: train task=classify weights=${weights}`);
  return {
    backend: nativeClassifier(runtime, loaded, session),
    fit: fit ?? loaded.fit ?? "short",
    imgsz: loaded.model.imageSize[0],
    seed: loaded.seed,
  };
}

async function onnxClassifier(
  runtime: Runtime,
  file: string,
  { imgsz, fit, ...session }: BackendOptions,
): Promise<OpenedClassifier> {
  const model = fromOnnx(await readModel(file), { name: file });
  const [input] = model.inputs;
  const [output] = model.outputs;
  const shape = input?.shape ?? [];
  if (model.inputs.length !== 1 || shape.length !== 4 || model.outputs.length !== 1 || output?.shape?.length !== 2)
    throw new UserError(
      `${file}: a classifier with pictures [batch, 3, height, width] and logits [batch, classes] expected`,
    );
  const size = (i: number) => (typeof shape[i] === "number" ? (shape[i] as number) : undefined);
  const [batch, height, width] = [size(0), size(2), size(3)];
  const fixed = height !== undefined && width !== undefined ? ([height, width] as const) : undefined;
  const side = fixed?.[0] ?? imgsz ?? 224;
  if (fixed && fixed[0] !== fixed[1])
    throw new UserError(`${file}: pictures of ${height} x ${width}, expected squares`);
  if (imgsz !== undefined && imgsz !== side)
    throw new UserError(`imgsz=${imgsz}: ${file} takes pictures of ${side} x ${side}`);
  const program = await openModel(runtime, file, session);
  const half = input.dtype === "float16";
  const classes = Number(output.shape[1]);
  const named = namesOf(model, file);
  const names = named.length > 0 ? named : Array.from({ length: classes }, (_, i) => `class${i}`);
  const backend: ClassBackend = {
    names,
    size: fixed,
    batch,
    async run(images: HostArray) {
      const fed = half
        ? hostArray("float16", images.shape, Uint16Array.from(images.data as Float32Array, float16Bits))
        : images;
      const logits = (await program.run(new Map([[input.name, fed]]))).get(output.name)!;
      return softmaxRows(toFloat32(logits), logits.shape[1]);
    },
    release: () => program.release(),
  };
  return { backend, fit: fit ?? fits.find((one) => one === model.metadata.fit) ?? "short", imgsz: side };
}
