import { existsSync } from "node:fs";
import { type HostArray, hostArray, isFloating, toFloat16, toFloat32 } from "../../graph/index.js";
import { writeAtomic } from "../weights/files.js";
import { safetensorsParts } from "../weights/safetensors.js";
import type { runFiles } from "./folder.js";

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
    [file, safetensorsParts(kept, metadata)],
  ]);
}

/**
 * Writes the weights of an epoch, counted from 1, where a run keeps them: the last, the best if they are better or the first,
 * and those of every `period` epochs (none at 0 or less).
 */
export async function keepWeights(
  files: ReturnType<typeof runFiles>,
  weights: ReadonlyMap<string, HostArray>,
  info: CheckpointInfo,
  { epoch, better, period }: { epoch: number; better: boolean; period: number },
): Promise<void> {
  await saveCheckpoint(files.last, weights, info);
  if (better || !existsSync(files.best)) await saveCheckpoint(files.best, weights, info);
  if (period > 0 && epoch % period === 0) await saveCheckpoint(files.epoch(epoch), weights, info);
}

/** Where the numbers of a run come from, now. */
export const trainedOn = (data: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  program: "swinyolo",
  date: new Date().toISOString(),
  data,
  ...more,
});

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
