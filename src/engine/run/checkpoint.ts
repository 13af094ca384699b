import { type HostArray, hostArray, isFloating, toFloat16, toFloat32 } from "../../graph/index.js";
import { writeAtomic } from "../weights/files.js";
import { encodeSafetensors } from "../weights/safetensors.js";

/** What a checkpoint says beside its numbers: everything needed to build the model again and to use it. */
export interface CheckpointInfo {
  /** Left out for detectors. */
  readonly task?: string;
  /** The model's rows, as in a YAML file, with its class count. */
  readonly model: object;
  readonly names: readonly string[];
  readonly imgsz: number;
  readonly stride?: number;
  /** How a classifier's pictures are fitted. */
  readonly fit?: string;
  readonly hyp?: Readonly<Record<string, unknown>>;
  readonly epoch?: number;
  readonly metrics?: Readonly<Record<string, number>>;
  /** Where the numbers come from: program, version, date, data set. */
  readonly provenance?: Readonly<Record<string, string>>;
}

/** Writes weights under their PyTorch names as `FILE.safetensors` with `FILE.json` beside it, both or neither. */
export async function saveCheckpoint(
  file: string,
  weights: ReadonlyMap<string, HostArray>,
  info: CheckpointInfo,
  { half = false } = {},
): Promise<void> {
  const kept = new Map([...weights].map(([name, array]) => [name, half ? halved(array) : array]));
  const metadata = { format: "pt", names: JSON.stringify(info.names), nc: String(info.names.length) };
  await writeAtomic([
    [file.replace(/\.safetensors$/, ".json"), `${JSON.stringify(info, null, 2)}\n`],
    [file, encodeSafetensors(kept, metadata)],
  ]);
}

const halved = (array: HostArray): HostArray =>
  isFloating(array.dtype) ? hostArray("float16", array.shape, toFloat16(array)) : array;

/** Floating arrays as float32, others as they are. */
export const widened = (weights: ReadonlyMap<string, HostArray>): Map<string, HostArray> =>
  new Map(
    [...weights].map(([name, array]) => [
      name,
      isFloating(array.dtype) ? hostArray("float32", array.shape, toFloat32(array)) : array,
    ]),
  );
