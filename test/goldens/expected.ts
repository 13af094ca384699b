import { elements, type HostArray, hostArray } from "swinyolo/graph";

/** A rule of a fixture's `tolerance`. */
export interface Rule {
  rule: string;
  relative?: number;
  absolute?: number;
  per_element?: boolean;
  per_column?: [number, number | null][];
  levels?: number;
  mean_levels?: number;
  fraction?: number;
  hue?: number;
  confidence?: number;
  pixels?: number;
  may_differ_below?: number;
  factor?: number;
}

/** What a fixture's JSON notes of a tensor. */
export interface TensorInfo {
  max_abs?: number;
  fp32_noise?: number;
  columns?: { range: [number, number | null]; max_abs: number; fp32_noise?: number }[];
}

/** A whole number that the fixture wrote as a float (`1.0`), so that it counts as one. */
export class FloatNumber {
  constructor(readonly value: number) {}
}

/** A value of `expected`, as `parseExpected` reads it. */
export type Expected = null | boolean | number | string | FloatNumber | Expected[] | { [key: string]: Expected };

/** Reads JSON; numbers written as floats that happen to be whole become FloatNumber. */
export function parseExpected(json: string): Expected {
  const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  const marked = json.replace(token, (text) =>
    text[0] !== '"' && /[.eE]/.test(text) && Number.isInteger(Number(text)) ? `{"\\u0000float":${text}}` : text,
  );
  return JSON.parse(marked, (_, value) =>
    typeof value === "object" && value !== null && Object.hasOwn(value, "\u0000float")
      ? new FloatNumber(value["\u0000float"])
      : value,
  );
}

/** Numbers of a plain value as a tensor; undefined for what is no regular array of numbers. */
export function asArray(value: unknown): HostArray | undefined {
  if (isHostArray(value)) return elements(value.shape) === value.data.length ? value : undefined;
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const flat = Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
  if (flat.length !== elements(shape)) return undefined;
  if (!flat.every((x) => typeof x === "number" || typeof x === "boolean")) return undefined;
  return hostArray("float64", shape, Float64Array.from(flat, Number));
}

export const isHostArray = (value: unknown): value is HostArray =>
  isObject(value) && ArrayBuffer.isView(value.data) && Array.isArray(value.shape);

/** Whether a value is an object of named values. */
export const isObject = (value: unknown): value is Record<string, Expected> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof FloatNumber);
