import type { DType, HostArray } from "../../graph/index.js";
import { writeZip } from "./zip.js";

/** A .pt file in memory: the tensors as a state_dict that `torch.load` of any PyTorch since 1.6 reads. */
export function encodePt(tensors: ReadonlyMap<string, HostArray>): Uint8Array {
  const text = new TextEncoder();
  const members: [string, Uint8Array][] = [
    ["archive/data.pkl", stateDict(tensors)],
    ["archive/byteorder", text.encode("little")],
  ];
  let key = 0;
  for (const { data } of tensors.values()) {
    members.push([`archive/data/${key++}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
  }
  members.push(["archive/version", text.encode("3\n")]);
  return writeZip(members);
}

// A pickle of protocol 2: OrderedDict() with an item a tensor.
function stateDict(tensors: ReadonlyMap<string, HostArray>): Uint8Array {
  const out = new PickleWriter();
  out.byte(0x80, 2);
  out.orderedDict();
  out.byte(0x28); // MARK
  let key = 0;
  for (const [name, tensor] of tensors) {
    out.text(name);
    out.tensor(tensor, String(key++));
  }
  out.byte(0x75, 0x2e); // SETITEMS STOP
  return out.done();
}

class PickleWriter {
  private readonly parts: Uint8Array[] = [];
  private readonly utf8 = new TextEncoder();

  byte(...bytes: number[]): void {
    this.parts.push(Uint8Array.from(bytes));
  }

  global(module: string, name: string): void {
    this.parts.push(this.utf8.encode(`c${module}\n${name}\n`));
  }

  text(value: string): void {
    const bytes = this.utf8.encode(value);
    this.byte(0x58, ...little(bytes.length, 4)); // BINUNICODE
    this.parts.push(bytes);
  }

  int(value: number): void {
    if (value < 2 ** 31)
      this.byte(0x4a, ...little(value, 4)); // BININT
    else this.byte(0x8a, 8, ...little(value, 8)); // LONG1
  }

  ints(values: readonly number[]): void {
    this.byte(0x28); // MARK
    for (const value of values) this.int(value);
    this.byte(0x74); // TUPLE
  }

  orderedDict(): void {
    this.global("collections", "OrderedDict");
    this.byte(0x29, 0x52); // EMPTY_TUPLE REDUCE
  }

  // _rebuild_tensor_v2(storage, 0, shape, strides, requires_grad=False, hooks=OrderedDict())
  tensor({ dtype, shape, data }: HostArray, key: string): void {
    this.global("torch._utils", "_rebuild_tensor_v2");
    this.byte(0x28, 0x28); // MARK MARK
    this.text("storage");
    this.global("torch", storages[dtype]);
    this.text(key);
    this.text("cpu");
    this.int(data.length);
    this.byte(0x74, 0x51); // TUPLE BINPERSID
    this.int(0);
    this.ints(shape);
    this.ints(rowMajor(shape));
    this.byte(0x89); // NEWFALSE
    this.orderedDict();
    this.byte(0x74, 0x52); // TUPLE REDUCE
  }

  done(): Uint8Array {
    const all = new Uint8Array(this.parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

const little = (value: number, length: number): number[] =>
  Array.from({ length }, (_, i) => Math.floor(value / 256 ** i) % 256);

function rowMajor(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * Math.max(1, shape[axis + 1]);
  return strides;
}

const storages: Readonly<Record<DType, string>> = {
  float32: "FloatStorage",
  float64: "DoubleStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
  int64: "LongStorage",
  int32: "IntStorage",
  int16: "ShortStorage",
  int8: "CharStorage",
  uint8: "ByteStorage",
  bool: "BoolStorage",
};
