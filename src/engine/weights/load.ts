import { existsSync } from "node:fs";
import { UserError } from "../../errors/index.js";
import type { HostArray } from "../../graph/index.js";
import { machineMemory } from "../machineMemory.js";
import type { ByteSource } from "./bytes.js";
import { readFrom } from "./files.js";
import { parsePt } from "./pt.js";
import { parseSafetensors } from "./safetensors.js";

/** Weights of any format. */
export interface Weights {
  /** Tensors under their PyTorch names, types as stored. */
  tensors: Map<string, HostArray>;
  format: "safetensors" | "pytorch" | "pytorch-legacy";
  /** Class names. */
  names?: string[];
  /** The model's YAML as an object. */
  modelYaml?: Record<string, unknown>;
  /** Pixels of the network input for a cell of each level. */
  stride?: number[];
  /** Everything of the `.json` beside a safetensors file: `names`, `model`, `hyp`, `metrics`, `imgsz`, `stride`. */
  sidecar?: Record<string, unknown>;
  metadata: Record<string, string>;
  /** Names of the parameters, where the file tells them from buffers. */
  parameters?: Set<string>;
  /** Entries of the state_dict that are no tensors. */
  skipped: string[];
}

/** Reads weights, whatever the file's name says; a UserError names the file and what it is instead. */
export async function loadWeights(file: string): Promise<Weights> {
  const limit = { memory: machineMemory() };
  const read = await readFrom(file, (source) =>
    isSafetensors(source, file) ? parseSafetensors(source, limit) : parsePt(source, limit),
  );
  if ("format" in read) {
    const { tensors, format, parameters, skipped, names, yaml: modelYaml, stride } = read;
    return { tensors, format, names, modelYaml, stride, parameters, skipped, metadata: {} };
  }
  const { tensors, metadata } = read;
  const sidecar = await readSidecar(file);
  const about = sidecar ?? described(metadata);
  return {
    tensors,
    format: "safetensors",
    names: namesOf(about.names),
    modelYaml: recordOf(about.model) ?? recordOf(about.yaml),
    stride: numbersOf(about.stride),
    sidecar,
    metadata,
    skipped: [],
  };
}

/** The `.json` that goes with a safetensors file. */
export const sidecarOf = (file: string): string => `${file.replace(/\.safetensors$/i, "")}.json`;

// Eight bytes of length, then a JSON object; where neither format is clear, the name decides who complains.
function isSafetensors(source: ByteSource, file: string): boolean {
  const bytes = source.read(0, Math.min(source.length, 10));
  const start = bytes[8] === 0x7b && bytes.length > 9;
  const isPyTorch = (bytes[0] === 0x50 && bytes[1] === 0x4b) || (bytes[0] === 0x80 && !start);
  return start || (!isPyTorch && /\.safetensors$/i.test(file));
}

async function readSidecar(file: string): Promise<Record<string, unknown> | undefined> {
  const beside = sidecarOf(file);
  if (beside === file || !existsSync(beside)) return undefined;
  return readFrom(beside, (source) => {
    const value = recordOf(json(new TextDecoder().decode(source.read(0, source.length))));
    if (!value) throw new UserError("not a JSON object, as expected beside weights");
    return value;
  });
}

// What `importWeights` keeps in the file itself.
const described = ({ names, model, stride }: Record<string, string>): Record<string, unknown> => ({
  names: json(names),
  model: json(model),
  stride: json(stride),
});

function json(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

// A list, or an object from the class number.
function namesOf(value: unknown): string[] | undefined {
  const record = recordOf(value);
  const names = record ? Object.keys(record).map((_, i) => record[i]) : value;
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
}

const numbersOf = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.every((x) => typeof x === "number") ? value : undefined;

const recordOf = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
