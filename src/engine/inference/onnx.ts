import { UserError } from "../../errors/index.js";
import {
  float16Bits,
  fromOnnx,
  type HostArray,
  hostArray,
  type OnnxModel,
  openModel,
  type Runtime,
  type SessionOptions,
  toFloat32,
} from "../../graph/index.js";
import type { Backend } from "./detect.js";

/** An ONNX file in memory. */
export interface OnnxBytes {
  readonly bytes: Uint8Array;
  /** What messages call it. */
  readonly name: string;
  /** Where ONNX Runtime may read it itself. */
  readonly path?: string;
}

export interface OnnxOptions extends SessionOptions {
  /** Class names, instead of the file's. */
  readonly names?: readonly string[];
}

/**
 * An exported ONNX file as something to detect with: ours, or one with the same input (pictures from 0 to 1) and output
 * (rows of cx, cy, w, h, objectness, scores).
 * @throws UserError naming the file and what it lacks.
 */
export async function onnxBackend(
  runtime: Runtime,
  { bytes, name: file, path }: OnnxBytes,
  options: OnnxOptions = {},
): Promise<Backend> {
  const model = fromOnnx(bytes, { name: file });
  const [input] = model.inputs;
  const rows = model.outputs[0];
  const shape = input?.shape ?? [];
  if (model.inputs.length !== 1 || shape.length !== 4)
    throw new UserError(`${file}: one input [batch, 3, height, width] expected, got ${model.inputs.length} inputs`);
  if (model.outputs.length !== 1 || !rows)
    throw new UserError(
      `${file}: one output expected, got ${model.outputs.length} (a raw export cannot be predicted with)`,
    );
  const program = await openModel(runtime, path ?? bytes, options);
  const size = (i: number) => (typeof shape[i] === "number" ? (shape[i] as number) : undefined);
  const [batch, height, width] = [size(0), size(2), size(3)];
  const half = input.dtype === "float16";
  const selected = rows.shape?.length === 2;
  return {
    names: options.names ?? namesOf(model, file),
    stride: Number(model.metadata.stride ?? 32),
    fixed: height && width ? { height, width, batch } : undefined,
    selected,
    async run(images) {
      const outputs = await program.run(new Map([[input.name, scaled(images, half)]]));
      const found = outputs.get(rows.name)!;
      return hostArray("float32", found.shape, toFloat32(found));
    },
    release: () => program.release(),
  };
}

// Pictures from 0 to 1, as exported networks take them.
function scaled({ shape, data }: HostArray, half: boolean): HostArray {
  const numbers = Float32Array.from(data as Uint8Array, (value) => value / 255);
  return half
    ? hostArray("float16", shape, Uint16Array.from(numbers, float16Bits))
    : hostArray("float32", shape, numbers);
}

/** The class names of an exported file; none where it has none. */
export function namesOf({ metadata }: OnnxModel, file: string): string[] {
  const text = metadata.names as string | undefined;
  if (text === undefined) return [];
  try {
    const names = JSON.parse(text) as string[] | Record<string, string>;
    return Object.values(names).map(String);
  } catch {
    // YOLOv5 writes the map as Python text: {0: 'person', 1: 'bicycle'}
    const found = [...text.matchAll(/\d+\s*:\s*(?:'([^']*)'|"([^"]*)")/g)].map((match) => match[1] ?? match[2]);
    if (found.length === 0) throw new UserError(`${file}: its class names cannot be read`);
    return found;
  }
}
