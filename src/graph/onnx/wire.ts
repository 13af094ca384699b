// The protobuf wire format, as much of it as ONNX files use: varints, 64- and 32-bit numbers, and length-delimited bytes.

/** Writes protobuf messages into one growing buffer, those inside others too: in place, their lengths filled in afterwards. */
export class Writer {
  private bytes = new Uint8Array(1 << 16);
  private length = 0;

  private room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.length + count, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  /** Whole numbers up to 2^63; negative ones as 64-bit two's complement. */
  private varint(value: number | bigint): void {
    this.room(10);
    if (typeof value === "bigint" || value < 0 || value >= 2 ** 31) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.bytes[this.length++] = Number(rest & 127n) | 128;
      this.bytes[this.length++] = Number(rest);
      return;
    }
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.bytes[this.length++] = (rest & 127) | 128;
    this.bytes[this.length++] = rest;
  }

  private tag(field: number, wire: number): void {
    this.varint(field * 8 + wire);
  }

  int(field: number, value: number | bigint): this {
    this.tag(field, 0);
    this.varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.tag(field, 5);
    this.room(4);
    new DataView(this.bytes.buffer).setFloat32(this.length, value, true);
    this.length += 4;
    return this;
  }

  data(field: number, value: Uint8Array): this {
    this.tag(field, 2);
    this.varint(value.length);
    this.room(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
    return this;
  }

  text(field: number, value: string): this {
    return this.message(field, () => {
      this.room(value.length * 3);
      const start = this.length;
      for (let i = 0; i < value.length; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) {
          this.length = start + encoder.encodeInto(value, this.bytes.subarray(start)).written;
          return;
        }
        this.bytes[this.length++] = code;
      }
    });
  }

  message(field: number, write: (inner: Writer) => void): this {
    this.tag(field, 2);
    this.room(1);
    const start = ++this.length;
    write(this);
    // The length comes before what it counts, which moves on where one byte is not enough for it.
    const count = this.length - start;
    const more = varintBytes(count) - 1;
    this.room(more);
    if (more > 0) this.bytes.copyWithin(start + more, start, this.length);
    this.length = start - 1;
    this.varint(count);
    this.length += count;
    return this;
  }

  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

const encoder = new TextEncoder();

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** One field of a message: a number (wire types 0, 1, 5) or bytes (wire type 2). */
export interface Field {
  readonly number: number;
  readonly wire: number;
  readonly int: bigint;
  readonly bytes: Uint8Array;
}

/**
 * The fields of a message, in order.
 * @throws Error when the bytes are cut or no protobuf.
 */
export function* fields(bytes: Uint8Array): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) break;
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new Error("a number is cut off or too long");
  };
  // Tags and lengths: mostly one byte, and never more than a number holds.
  const size = (): number => (bytes[at] < 128 ? bytes[at++] : Number(varint()));
  const skip = (count: number): number => {
    if (count > bytes.length - at) throw new Error("a field reaches past the end");
    at += count;
    return at - count;
  };
  const none = new Uint8Array();
  while (at < bytes.length) {
    const tag = size();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) yield { number, wire, int: varint(), bytes: none };
    else if (wire === 1) yield { number, wire, int: view.getBigUint64(skip(8), true), bytes: none };
    else if (wire === 5) yield { number, wire, int: BigInt(view.getUint32(skip(4), true)), bytes: none };
    else if (wire === 2) {
      const length = size();
      const start = skip(length);
      yield { number, wire, int: 0n, bytes: bytes.subarray(start, start + length) };
    } else throw new Error(`wire type ${wire} is not used by ONNX`);
  }
}

/**
 * The whole numbers of a field that may be packed, signed.
 * @throws Error when a number is cut off or longer than 64 bits.
 */
export function* packed(field: Field): Generator<bigint> {
  if (field.wire !== 2) {
    yield BigInt.asIntN(64, field.int);
    return;
  }
  let value = 0n;
  let shift = 0n;
  for (const byte of field.bytes) {
    if (shift > 63n) throw new Error("a number is cut off or too long");
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      yield BigInt.asIntN(64, value);
      [value, shift] = [0n, 0n];
    }
  }
  if (shift > 0n) throw new Error("a number is cut off or too long");
}
