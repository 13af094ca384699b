import { at, UserError } from "../../errors/index.js";
import { allocate, bytesPerElement, type DType, elements, type HostArray } from "../../graph/index.js";
import { type ByteSource, checkMemory, type ReadLimit, sourceOf } from "./bytes.js";

/** What a safetensors file holds. */
export interface Safetensors {
  tensors: Map<string, HostArray>;
  metadata: Record<string, string>;
}

/**
 * Reads a safetensors file, in memory or tensor by tensor from where it lies; a UserError says what is wrong with one that
 * cannot be trusted. Every claim of the header is checked before a number is read.
 */
export function parseSafetensors(file: Uint8Array | ByteSource, limit: ReadLimit = {}): Safetensors {
  const source = sourceOf(file);
  const { header, start } = readHeader(source);
  const size = source.length - start;
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = at("__metadata__", () => texts(value));
    else at(`tensor ${JSON.stringify(name)}`, () => entries.push({ name, ...entryOf(value, size) }));
  }
  checkRanges(entries, size);
  checkMemory(size, limit);
  const tensors = new Map<string, HostArray>();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, { dtype, shape, data: numbers(source.read(start + begin, start + end), dtype) });
  }
  return { tensors, metadata };
}

/** A safetensors file in memory: the tensors in their order, texts that go with them. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostArray>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const file = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/**
 * The same file in pieces, one after another: its header, then the bytes of the tensors themselves, which are not copied and
 * must stay as they are until they are written.
 */
export function safetensorsParts(
  tensors: ReadonlyMap<string, HostArray>,
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const placed = layOut(tensors);
  for (const [name, { dtype, shape, data }] of tensors) {
    if (name === "__metadata__") throw new Error(`a tensor cannot be called ${name} in a safetensors file`);
    if (elements(shape) !== data.length) {
      throw new Error(`tensor ${name}: ${data.length} elements, but its shape [${shape}] holds ${elements(shape)}`);
    }
    const begin = placed.get(name)!;
    const entry = { dtype: codes[dtype], shape, data_offsets: [begin, begin + data.byteLength] };
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const header = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + header).fill(0x20, 8);
  new DataView(head.buffer).setBigUint64(0, BigInt(header), true);
  head.set(json, 8);
  const bytesOf = ({ data }: HostArray) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [head, ...[...placed.keys()].map((name) => bytesOf(tensors.get(name)!))];
}

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: number[];
  /** Where its bytes lie behind the header. */
  readonly begin: number;
  readonly end: number;
}

const maxHeader = 100_000_000; // the format's own limit

function readHeader(source: ByteSource): { header: object; start: number } {
  if (source.length < 8) throw new UserError(`no safetensors file: ${source.length} bytes, 8 or more expected`);
  const first = source.read(0, 8);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(source.length - 8)) {
    throw new UserError(
      `cut off, or no safetensors file: a header of ${length} bytes is announced, ${source.length - 8} follow`,
    );
  }
  if (length > BigInt(maxHeader)) throw new UserError(`header of ${length} bytes, at most ${maxHeader} expected`);
  const start = 8 + Number(length);
  const text = source.read(8, start);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    throw new UserError("no safetensors file: its header is not JSON");
  }
  if (!isRecord(header)) throw new UserError("no safetensors file: its header is not a JSON object");
  return { header, start };
}

function entryOf(value: unknown, available: number): Omit<Entry, "name"> {
  if (!isRecord(value)) throw new UserError("its entry is not an object");
  const code = field(value, "dtype");
  const dtype = typeof code === "string" && Object.hasOwn(dtypes, code) ? dtypes[code] : undefined;
  if (!dtype) throw new UserError(`dtype ${JSON.stringify(code)}, one of ${Object.keys(dtypes).join(", ")} expected`);
  const shape = sizes(field(value, "shape"), "shape");
  const offsets = sizes(field(value, "data_offsets"), "data_offsets");
  const [begin, end] = offsets;
  if (offsets.length !== 2 || begin > end) throw new UserError(`data_offsets [${offsets}], [begin, end] expected`);
  if (end > available) throw new UserError(`its data end at byte ${end}, but the file holds ${available}`);
  const expected = elements(shape) * bytesPerElement[dtype];
  if (expected !== end - begin) {
    throw new UserError(`${end - begin} bytes, but ${code} of shape [${shape}] takes ${expected}`);
  }
  return { dtype, shape, begin, end };
}

function field(entry: Record<string, unknown>, key: string): unknown {
  if (!Object.hasOwn(entry, key)) throw new UserError(`its entry has no ${key}`);
  return entry[key];
}

function sizes(value: unknown, what: string): number[] {
  if (Array.isArray(value) && value.every((d) => Number.isSafeInteger(d) && d >= 0)) return value;
  throw new UserError(`${what} ${JSON.stringify(value)}, a list of whole numbers from 0 expected`);
}

function texts(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw new UserError("not an object");
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw new UserError(`${key} is not text`);
  }
  return value as Record<string, string>;
}

// Every byte belongs to exactly one tensor.
function checkRanges(entries: readonly Entry[], size: number): void {
  let done = 0;
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < done) throw new UserError(`tensor ${JSON.stringify(name)} shares bytes with another`);
    if (begin > done) throw new UserError(`bytes ${done} to ${begin} of the data belong to no tensor`);
    done = end;
  }
  if (done !== size) throw new UserError(`the last ${size - done} bytes belong to no tensor`);
}

// The numbers where they lie, or a copy where an array could not start there.
function numbers(bytes: Uint8Array, dtype: DType): HostArray["data"] {
  const width = bytesPerElement[dtype];
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return allocate(dtype, aligned.length / width, aligned.buffer, aligned.byteOffset);
}

// Where each tensor's bytes begin behind the header, in the order of the file: wide types first, so that every tensor starts at
// a multiple of its width.
function layOut(tensors: ReadonlyMap<string, HostArray>): Map<string, number> {
  const widest = [...tensors].sort(([, a], [, b]) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype]);
  const placed = new Map<string, number>();
  let size = 0;
  for (const [name, { data }] of widest) {
    placed.set(name, size);
    size += data.byteLength;
  }
  return placed;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const codes: Readonly<Record<DType, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

const dtypes = Object.fromEntries(Object.entries(codes).map(([dtype, code]) => [code, dtype])) as Record<string, DType>;
