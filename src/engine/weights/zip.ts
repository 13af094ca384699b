import { UserError } from "../../errors/index.js";
import type { ByteSource } from "./bytes.js";

/** A zip file whose members are read one by one. */
export interface Zip {
  /** By name; names are keys and never paths. */
  readonly members: ReadonlyMap<string, ZipMember>;
  /** Holds the members that were not read against their checksums. */
  checkRest(): void;
}

/** A stored member. */
export interface ZipMember {
  readonly size: number;
  /** Its bytes; a UserError where they do not match their checksum. */
  read(): Uint8Array;
}

/**
 * The stored members of a zip file. Compressed, encrypted and damaged ones are refused: those of a checkpoint are stored as they
 * are.
 */
export function readZip(source: ByteSource): Zip {
  const { count, start, end } = directory(source);
  const list = source.read(start, end);
  const members = new Map<string, CheckedMember>();
  let [at, stored] = [0, 0];
  for (let i = 0; i < count; i++) {
    const member = memberAt(list, at);
    // Members that lie over each other could be read for ever.
    stored += member.packed;
    if (stored > source.length) throw new UserError("damaged: the members of the zip file take more than the file");
    if (members.has(member.name)) throw new UserError(`zip file with two members called ${quoted(member.name)}`);
    members.set(member.name, contents(source, member));
    at = member.next;
  }
  return {
    members,
    checkRest() {
      for (const member of members.values()) member.check();
    },
  };
}

/** A zip file of stored members whose data start at multiples of 64 bytes, as PyTorch writes them. */
export function writeZip(members: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const parts: Uint8Array[] = [];
  const entries: Uint8Array[] = [];
  let size = 0;
  const push = (part: Uint8Array, to: Uint8Array[]) => {
    to.push(part);
    size += part.length;
  };
  for (const [name, data] of members) {
    const text = new TextEncoder().encode(name);
    const crc = crc32(data);
    entries.push(centralHeader(text, data.length, crc, size));
    push(localHeader(text, data.length, crc, size), parts);
    push(data, parts);
  }
  const start = size;
  for (const entry of entries) push(entry, parts);
  if (size > 0xffff_ff00 || entries.length > 0xfffe)
    throw new UserError("over 4 GB or 65,534 tensors: use .safetensors");
  push(endRecord(entries.length, size - start, start), parts);
  const file = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

interface Member {
  name: string;
  method: number;
  flags: number;
  crc: number;
  packed: number;
  size: number;
  header: number;
  next: number;
}

const ends = 0x06054b50; // PK 5 6
const ends64 = 0x06064b50;
const locates64 = 0x07064b50;
const lists = 0x02014b50; // PK 1 2
const starts = 0x04034b50; // PK 3 4

const damaged = () => new UserError("cut off or damaged: a zip file without a whole list of its members");

const maxList = 2 ** 28; // two million members
const comment = 0xffff;

function directory(source: ByteSource): { count: number; start: number; end: number } {
  const tailStart = Math.max(0, source.length - 20 - 22 - comment);
  const tail = viewOf(source.read(tailStart, source.length));
  const at = endOf(tail);
  let count = tail.getUint16(at + 10, true);
  let length = tail.getUint32(at + 12, true);
  let start = tail.getUint32(at + 16, true);
  let end = tailStart + at;
  if (at >= 20 && tail.getUint32(at - 20, true) === locates64) {
    const far = safe(tail.getBigUint64(at - 12, true));
    if (far + 56 > tailStart + at - 20) throw damaged();
    const record = viewOf(source.read(far, far + 56));
    if (record.getUint32(0, true) !== ends64) throw damaged();
    count = safe(record.getBigUint64(32, true));
    length = safe(record.getBigUint64(40, true));
    start = safe(record.getBigUint64(48, true));
    end = far;
  }
  if (start + length > end || count * 46 > length || length > maxList) throw damaged();
  return { count, start, end: start + length };
}

// The last record that reaches exactly to the end of the file; a comment of up to 65,535 bytes may follow it.
function endOf(tail: DataView): number {
  const first = Math.max(0, tail.byteLength - 22 - comment);
  for (let at = tail.byteLength - 22; at >= first; at--) {
    if (tail.getUint32(at, true) === ends && at + 22 + tail.getUint16(at + 20, true) === tail.byteLength) return at;
  }
  throw damaged();
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function memberAt(list: Uint8Array, at: number): Member {
  const file = viewOf(list);
  if (at + 46 > list.length || file.getUint32(at, true) !== lists) throw damaged();
  const nameEnd = at + 46 + file.getUint16(at + 28, true);
  const extraEnd = nameEnd + file.getUint16(at + 30, true);
  const next = extraEnd + file.getUint16(at + 32, true);
  if (next > list.length) throw damaged();
  const name = new TextDecoder().decode(list.subarray(at + 46, nameEnd));
  const wide = extra64(file, nameEnd, extraEnd);
  const size = wide(file.getUint32(at + 24, true));
  const packed = wide(file.getUint32(at + 20, true));
  const header = wide(file.getUint32(at + 42, true));
  const [flags, method] = [file.getUint16(at + 8, true), file.getUint16(at + 10, true)];
  return { name, method, flags, crc: file.getUint32(at + 16, true), packed, size, header, next };
}

// Sizes and offset of more than 32 bits stand, in this order, in extra field 1.
function extra64(file: DataView, from: number, to: number): (value: number) => number {
  let at = from;
  while (at + 4 <= to && file.getUint16(at, true) !== 1) at += 4 + file.getUint16(at + 2, true);
  const end = at + 4 <= to ? Math.min(to, at + 4 + file.getUint16(at + 2, true)) : to;
  at += 4;
  return (value) => {
    if (value !== 0xffffffff) return value;
    if (at + 8 > end) throw damaged();
    at += 8;
    return safe(file.getBigUint64(at - 8, true));
  };
}

interface CheckedMember extends ZipMember {
  check(): void;
}

const checkedPiece = 2 ** 26;

function contents(source: ByteSource, member: Member): CheckedMember {
  const { name, method, flags, crc, packed, size, header } = member;
  if (flags & 1) throw new UserError(`zip member ${quoted(name)} is encrypted`);
  if (method !== 0 || packed !== size) {
    throw new UserError(`zip member ${quoted(name)} is compressed; those of a checkpoint are stored as they are`);
  }
  if (header + 30 > source.length) throw damaged();
  const local = viewOf(source.read(header, header + 30));
  if (local.getUint32(0, true) !== starts) throw damaged();
  const start = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const end = start + size;
  if (end > source.length) throw new UserError(`cut off: zip member ${quoted(name)} reaches past the end`);
  let checked = false;
  const expect = (found: number) => {
    if (found !== crc) throw new UserError(`damaged: zip member ${quoted(name)} does not match its checksum`);
    checked = true;
  };
  return {
    size,
    read() {
      const data = source.read(start, end);
      if (!checked) expect(crc32(data));
      return data;
    },
    check() {
      if (checked) return;
      let found = 0;
      for (let at = start; at < end; at += checkedPiece) {
        found = crc32(source.read(at, Math.min(at + checkedPiece, end)), found);
      }
      expect(found);
    },
  };
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged();
  return Number(value);
}

const quoted = (name: string) => JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);

function localHeader(name: Uint8Array, size: number, crc: number, at: number): Uint8Array {
  const bare = 30 + name.length + 4;
  const padding = (64 - ((at + bare) % 64)) % 64;
  const header = new Uint8Array(bare + padding).fill(0x5a, bare); // Z, as PyTorch pads
  const view = new DataView(header.buffer);
  view.setUint32(0, starts, true);
  shared(view, 4, name, size, crc);
  view.setUint16(28, 4 + padding, true);
  header.set(name, 30);
  view.setUint16(30 + name.length, 0x4246, true); // extra field FB: padding
  view.setUint16(32 + name.length, padding, true);
  return header;
}

function centralHeader(name: Uint8Array, size: number, crc: number, header: number): Uint8Array {
  const entry = new Uint8Array(46 + name.length);
  const view = new DataView(entry.buffer);
  view.setUint32(0, lists, true);
  shared(view, 6, name, size, crc);
  view.setUint32(42, header, true);
  entry.set(name, 46);
  return entry;
}

// Version, flags, method, time, date (1980-01-01), checksum, sizes and name length stand alike in both headers.
function shared(view: DataView, at: number, name: Uint8Array, size: number, crc: number): void {
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, 0x800, true); // names are UTF-8
  view.setUint16(at + 8, 0x21, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, name.length, true);
}

function endRecord(count: number, length: number, start: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(22));
  view.setUint32(0, ends, true);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, length, true);
  view.setUint32(16, start, true);
  return new Uint8Array(view.buffer);
}

// Row k: what a byte does to the checksum once k more have followed it [8, 256].
let rows: Int32Array | undefined;

function makeRows(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    made[n] = crc;
  }
  for (let i = 256; i < made.length; i++) made[i] = (made[i - 256] >>> 8) ^ made[made[i - 256] & 0xff];
  return made;
}

// Of bytes behind others whose checksum is `before`; eight at a time, which is over twice as fast as one by one.
function crc32(bytes: Uint8Array, before = 0): number {
  rows ??= makeRows();
  const t = rows;
  const whole = bytes.length - (bytes.length % 8);
  let crc = ~before;
  let i = 0;
  for (; i < whole; i += 8) {
    const x = crc ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
    crc =
      t[1792 + (x & 0xff)] ^
      t[1536 + ((x >>> 8) & 0xff)] ^
      t[1280 + ((x >>> 16) & 0xff)] ^
      t[1024 + (x >>> 24)] ^
      t[768 + bytes[i + 4]] ^
      t[512 + bytes[i + 5]] ^
      t[256 + bytes[i + 6]] ^
      t[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = t[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
