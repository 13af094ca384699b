import { readPt, readSafetensors } from "swinyolo/engine";
import { type HostArray, toFloat64 } from "swinyolo/graph";
import type { GoldenCase, KindRunner } from "../cases.js";

export const kinds: Record<string, KindRunner> = {
  hostile_pt: async (c) => {
    const { tensors } = await readPt(fileOf(c));
    return { values: named(tensors, (tensor) => ({ ...typeOf(tensor), values: numbers(tensor) })) };
  },
  hostile_safetensors: async (c) => {
    const { tensors } = await readSafetensors(fileOf(c));
    return { values: named(tensors, numbers) };
  },
};

const codes: Record<string, string> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

const typeOf = ({ dtype, shape }: HostArray) => ({ dtype: codes[dtype], shape });

const numbers = (tensor: HostArray): number[] => Array.from(toFloat64(tensor));

// fromEntries, since a tensor may be called __proto__.
const named = <T>(tensors: Map<string, HostArray>, value: (tensor: HostArray) => T): Record<string, T> =>
  Object.fromEntries([...tensors].map(([name, tensor]) => [name, value(tensor)]));

function fileOf({ file }: GoldenCase): string {
  if (file === undefined) throw new Error("no file");
  return file;
}
