import { at, UserError } from "../../errors/index.js";
import { allocate, bytesPerElement, type DType, type HostArray, type TypedArray } from "../host.js";
import { dtypeOf } from "./types.js";
import { type Field, fields, packed } from "./wire.js";

/** Bytes `offset` to `offset + length` of the file `location`, which is a plain relative path that stays in the model's folder. */
export type ExternalReader = (
  location: string,
  range: { readonly offset: number; readonly length: number },
) => Uint8Array;

/** A tensor in a file. */
export interface OnnxTensor {
  readonly name: string;
  /** Undefined for types we do not use. */
  readonly dtype?: DType;
  readonly shape: readonly number[];
  /**
   * Its numbers.
   * @throws UserError when there are too few or too many, or when they lie in a file that cannot be read.
   */
  read(): HostArray;
}

interface Reading {
  readonly name: string;
  readonly external?: ExternalReader;
}

/** A TensorProto: dims 1, data_type 2, numbers 4 5 7 10, name 8, raw_data 9, external_data 13, data_location 14. */
export function readTensor(bytes: Uint8Array, reading: Reading): OnnxTensor {
  const shape: number[] = [];
  let [name, type, outside] = ["", 0, false];
  let raw: Uint8Array | undefined;
  const numbers: Field[] = [];
  const entries = new Map<string, string>();
  for (const field of fields(bytes)) {
    if (field.number === 1) for (const size of packed(field)) shape.push(Number(size));
    else if (field.number === 2) type = Number(field.int);
    else if (field.number === 8) name = new TextDecoder().decode(field.bytes);
    else if (field.number === 9) raw = field.bytes;
    else if (field.number === 13) entries.set(...readEntry(field.bytes));
    else if (field.number === 14) outside = field.int === 1n;
    else if (typed.has(field.number)) numbers.push(field);
    if (shape.length > 64 || entries.size > 16) throw new Error("a tensor has too many axes or entries");
  }
  const dtype = dtypeOf(type);
  const read = () =>
    at(`${reading.name}: tensor ${name}`, () => {
      if (!dtype) throw new UserError(`its type (number ${type}) is not one we use`);
      const count = countOf(shape);
      const bytes = outside ? readOutside(entries, count * bytesPerElement[dtype], reading) : raw;
      const data = bytes ? fromBytes(bytes, dtype, count) : fromNumbers(numbers, dtype, count);
      return { dtype, shape: [...shape], data };
    });
  return { name, dtype, shape, read };
}

function readEntry(bytes: Uint8Array): [string, string] {
  const pair: [string, string] = ["", ""];
  for (const { number, bytes: part } of fields(bytes)) {
    if (number === 1 || number === 2) pair[number - 1] = new TextDecoder().decode(part);
  }
  return pair;
}

function countOf(shape: readonly number[]): number {
  const count = shape.reduce((n, size) => n * size, 1);
  if (shape.some((size) => size < 0) || count > 2 ** 48)
    throw new UserError(`it cannot have the shape [${shape.join(", ")}]`);
  return count;
}

function fromBytes(bytes: Uint8Array, dtype: DType, count: number): TypedArray {
  const due = count * bytesPerElement[dtype];
  if (bytes.length !== due) throw new UserError(`it has ${bytes.length} bytes, its shape needs ${due}`);
  return allocate(dtype, count, new Uint8Array(bytes).buffer, 0);
}

// float_data 4, int32_data 5 (and everything shorter, halves as their bits), int64_data 7, double_data 10.
const typed = new Map([
  [4, 4],
  [5, 0],
  [7, 0],
  [10, 8],
]);

function fromNumbers(list: readonly Field[], dtype: DType, count: number): TypedArray {
  const due = dtype === "float32" ? 4 : dtype === "int64" ? 7 : dtype === "float64" ? 10 : 5;
  const found: (number | bigint)[] = [];
  for (const field of list.filter(({ number }) => number === due)) {
    for (const value of due === 4 || due === 10 ? reals(field, typed.get(due) as number) : packed(field)) {
      found.push(dtype === "int64" ? value : Number(value));
    }
  }
  if (found.length !== count) throw new UserError(`it has ${found.length} numbers, its shape needs ${count}`);
  const data = allocate(dtype, count);
  found.forEach((value, i) => {
    data[i] = value;
  });
  return data;
}

function* reals({ wire, int, bytes }: Field, width: number): Generator<number> {
  if (wire !== 2) {
    const one = width === 4 ? Uint32Array.of(Number(int)).buffer : BigUint64Array.of(int).buffer;
    yield (width === 4 ? new Float32Array(one) : new Float64Array(one))[0];
    return;
  }
  if (bytes.length % width) throw new UserError("its numbers are cut off");
  yield* width === 4 ? new Float32Array(new Uint8Array(bytes).buffer) : new Float64Array(new Uint8Array(bytes).buffer);
}

function readOutside(entries: ReadonlyMap<string, string>, due: number, { external }: Reading): Uint8Array {
  const location = entries.get("location") ?? "";
  checkLocation(location);
  const [offset, length] = ["offset", "length"].map((key) => Number(entries.get(key) ?? (key === "offset" ? 0 : due)));
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new UserError(`it starts at ${entries.get("offset")} of ${location}`);
  if (length !== due)
    throw new UserError(`it has ${entries.get("length")} bytes in ${location}, its shape needs ${due}`);
  if (!external) throw new UserError(`its numbers are in the file ${location} beside the model, which was not read`);
  return external(location, { offset, length });
}

// A relative path that stays below the model's folder, on every system.
function checkLocation(location: string): void {
  const steps = location.split("/");
  const odd = [...location].some((c) => c < " " || c === "\\" || c === ":");
  if (location === "" || odd || steps.includes("..") || steps.includes("")) {
    throw new UserError(
      `its numbers are said to be in ${JSON.stringify(location)}, which is no file in the model's folder`,
    );
  }
}
