import { at, UserError } from "../../errors/index.js";
import { allocate, bytesPerElement, type DType, elements, type HostArray } from "../../graph/index.js";

/** What a safetensors file holds. */
export interface Safetensors {
  tensors: Map<string, HostArray>;
  metadata: Record<string, string>;
}

/** Reads a safetensors file that is in memory; a UserError says what is wrong with one that cannot be trusted. */
export function parseSafetensors(bytes: Uint8Array): Safetensors {
  const { header, data } = split(bytes);
  const tensors = new Map<string, HostArray>();
  let metadata: Record<string, string> = {};
  const ranges: Range[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      metadata = at("__metadata__", () => texts(value));
      continue;
    }
    at(`tensor ${JSON.stringify(name)}`, () => {
      const { dtype, shape, begin, end } = entryOf(value, data.length);
      ranges.push({ name, begin, end });
      tensors.set(name, { dtype, shape, data: view(data, dtype, begin, end) });
    });
  }
  checkRanges(ranges, data.length);
  return { tensors, metadata };
}

/** A safetensors file in memory: the tensors in their order, texts that go with them. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostArray>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const { offsets, size } = layOut(tensors);
  for (const [name, { dtype, shape, data }] of tensors) {
    if (name === "__metadata__") throw new Error(`a tensor cannot be called ${name} in a safetensors file`);
    if (elements(shape) !== data.length) {
      throw new Error(`tensor ${name}: ${data.length} elements, but its shape [${shape}] holds ${elements(shape)}`);
    }
    const begin = offsets.get(name)!;
    const entry = { dtype: codes[dtype], shape, data_offsets: [begin, begin + data.byteLength] };
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const header = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + header + size).fill(0x20, 8, 8 + header);
  new DataView(file.buffer).setBigUint64(0, BigInt(header), true);
  file.set(json, 8);
  for (const [name, { data }] of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + header + offsets.get(name)!);
  }
  return file;
}

interface Range {
  name: string;
  begin: number;
  end: number;
}

const maxHeader = 100_000_000; // the format's own limit

function split(bytes: Uint8Array): { header: object; data: Uint8Array } {
  if (bytes.length < 8) throw new UserError(`no safetensors file: ${bytes.length} bytes, 8 or more expected`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) {
    throw new UserError(
      `cut off, or no safetensors file: a header of ${length} bytes is announced, ${bytes.length - 8} follow`,
    );
  }
  if (length > BigInt(maxHeader)) throw new UserError(`header of ${length} bytes, at most ${maxHeader} expected`);
  const end = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, end)));
  } catch {
    throw new UserError("no safetensors file: its header is not JSON");
  }
  if (!isRecord(header)) throw new UserError("no safetensors file: its header is not a JSON object");
  return { header, data: bytes.subarray(end) };
}

function entryOf(value: unknown, available: number): { dtype: DType; shape: number[]; begin: number; end: number } {
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
function checkRanges(ranges: Range[], size: number): void {
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let done = 0;
  for (const { name, begin, end } of ranges) {
    if (begin < done) throw new UserError(`tensor ${JSON.stringify(name)} shares bytes with another`);
    if (begin > done) throw new UserError(`bytes ${done} to ${begin} of the data belong to no tensor`);
    done = end;
  }
  if (done !== size) throw new UserError(`the last ${size - done} bytes belong to no tensor`);
}

// The numbers where they lie, or a copy where an array could not start there.
function view(data: Uint8Array, dtype: DType, begin: number, end: number): HostArray["data"] {
  const width = bytesPerElement[dtype];
  const aligned = (data.byteOffset + begin) % width === 0;
  const bytes = aligned ? data.subarray(begin, end) : new Uint8Array(data.subarray(begin, end));
  return allocate(dtype, bytes.length / width, bytes.buffer, bytes.byteOffset);
}

// Wide types first, so that every tensor starts at a multiple of its width.
function layOut(tensors: ReadonlyMap<string, HostArray>): { offsets: Map<string, number>; size: number } {
  const widest = [...tensors].sort(([, a], [, b]) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype]);
  const offsets = new Map<string, number>();
  let size = 0;
  for (const [name, { data }] of widest) {
    offsets.set(name, size);
    size += data.byteLength;
  }
  return { offsets, size };
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
