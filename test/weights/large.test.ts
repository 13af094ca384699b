import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HostArray, hostArray } from "swinyolo/graph";
import { afterAll, describe, expect, test } from "vitest";
import { type ByteSource, sourceOf } from "../../src/engine/weights/bytes.js";
import { readFrom, readPt, writeSafetensors } from "../../src/engine/weights/files.js";
import { parsePt } from "../../src/engine/weights/pt.js";
import { encodePt } from "../../src/engine/weights/ptWrite.js";
import { encodeSafetensors, parseSafetensors } from "../../src/engine/weights/safetensors.js";
import { readZip, writeZip } from "../../src/engine/weights/zip.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-large-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tensors = new Map<string, HostArray>([
  ["a", hostArray("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
  ["b", hostArray("int64", [2], BigInt64Array.of(7n, -8n))],
  ["c", hostArray("uint8", [5], Uint8Array.of(1, 2, 3, 4, 5))],
  ["none", hostArray("float32", [0])],
]);

describe("a file that is read in pieces gives what it gives in memory", () => {
  const files: [string, Uint8Array, (file: Uint8Array | ByteSource) => unknown][] = [
    ["a.safetensors", encodeSafetensors(tensors, { k: "v" }), parseSafetensors],
    ["a.pt", encodePt(tensors), parsePt],
    ["old.pt", legacy(tensors), parsePt],
  ];
  test.each(files)("%s", async (name, bytes, parse) => {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    for (const piece of [1, 7, 1000]) expect(await readFrom(file, parse, { piece })).toEqual(parse(bytes));
    await expect(
      readFrom(file, (source) => {
        truncateSync(file, 40);
        return parse(source);
      }),
    ).rejects.toThrow(new RegExp(`^${file}: .*cut off at byte \\d+ while it was read`));
  });
});

test("a safetensors file of 5 GiB: places beyond 32 bits", () => {
  const gibibyte = new Uint8Array(2 ** 30); // never touched, so it takes no memory
  const x = Uint8Array.of(9, 8, 7);
  const entry = (begin: number, length: number) => ({
    dtype: "U8",
    shape: [length],
    data_offsets: [begin, begin + length],
  });
  const entries = Array.from({ length: 5 }, (_, i) => [`big${i}`, entry(i * 2 ** 30, 2 ** 30)]);
  const header = new TextEncoder().encode(JSON.stringify({ x: entry(5 * 2 ** 30, 3), ...Object.fromEntries(entries) }));
  const head = new Uint8Array(8 + header.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(header.length), true);
  head.set(header, 8);
  const source: ByteSource = {
    length: head.length + 5 * 2 ** 30 + 3,
    read(start, end) {
      if (end <= head.length) return head.subarray(start, end);
      return end - start === x.length ? x : gibibyte.subarray(0, end - start);
    },
  };
  expect(parseSafetensors(source).tensors.get("x")!.data).toEqual(x);
  expect(() => parseSafetensors(source, { memory: 2 ** 32 })).toThrow(
    "tensors of 5.4 GB, more than this machine's memory of 4.3 GB",
  );
});

test.skipIf(process.platform === "win32")("a PyTorch file of 5 GiB on disk, most of it an optimizer's", async () => {
  const size = 5 * 2 ** 30;
  const big = pickleOf(new Map([["moments", hostArray("uint8", [1], Uint8Array.of(1))]]))
    .replace("X\x01\x00\x00\x000", "X\x01\x00\x00\x009") // its storage is called 9
    .replace("J\x01\x00\x00\x00tQ", `\x8a\x08${latin1(int64(size))}tQ`);
  const x = hostArray("float32", [2], Float32Array.of(3, 4));
  const root = `}(${text("optimizer")}${big}${text("model")}${pickleOf(new Map([["x", x]]))}u`;
  const file = join(folder, "large.pt");
  const out = openSync(file, "w");
  const start = beginning(root, ["9", "0"]);
  writeSync(out, Buffer.concat([start, int64(size)]));
  writeSync(out, Buffer.concat([int64(2), Buffer.from(x.data.buffer)]), 0, 16, start.length + 8 + size);
  closeSync(out);
  expect((await readPt(file)).tensors).toEqual(new Map([["x", x]]));
});

test("tensors of a PyTorch file that memory does not hold", () => {
  expect(() => parsePt(encodePt(tensors), { memory: 44 })).toThrow("more than this machine's memory");
  expect(parsePt(encodePt(tensors), { memory: 45 }).tensors).toEqual(tensors);
});

describe("members of a zip file that no tensor needs", () => {
  const members = new Map([...readZip(sourceOf(encodePt(tensors))).members].map(([name, m]) => [name, m.read()]));
  members.set("archive/data/9", new TextEncoder().encode("an optimizer's"));

  test("are held against their checksums too", () => {
    const zip = writeZip(members);
    expect(parsePt(zip).tensors).toEqual(tensors);
    zip[Buffer.from(zip).indexOf("an optimizer's")] ^= 1;
    expect(() => parsePt(zip)).toThrow('damaged: zip member "archive/data/9" does not match its checksum');
  });

  test("may not lie over each other", () => {
    const zip = Buffer.from(writeZip(members));
    // Every member of the list begins where the pickle does and reaches to the list.
    const list = zip.indexOf("PK\x01\x02");
    for (let at = list; at >= 0; at = zip.indexOf("PK\x01\x02", at + 4)) {
      zip.writeUInt32LE(0, at + 42);
      for (const field of [20, 24]) zip.writeUInt32LE(list - 100, at + field);
    }
    expect(() => parsePt(zip)).toThrow("the members of the zip file take more than the file");
  });
});

test("a safetensors file that is written in pieces is the one in memory", async () => {
  const file = join(folder, "written.safetensors");
  await writeSafetensors(file, tensors, { k: "v" });
  expect(readFileSync(file).equals(encodeSafetensors(tensors, { k: "v" }))).toBe(true);
});

// --- PyTorch's old format

function legacy(state: typeof tensors): Uint8Array {
  const storages = [...state.values()].flatMap(({ data }) => [
    int64(data.length),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
  const keys = [...state.keys()].map((_, i) => String(i));
  return Buffer.concat([beginning(pickleOf(state), keys), ...storages]);
}

// All before the storages: magic number, protocol, machine, object, keys.
function beginning(root: string, keys: readonly string[]): Buffer {
  const number = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  const protocol = "\x80\x02M\xe9\x03.";
  const machine = `\x80\x02}${text("little_endian")}\x88s.`;
  const list = `\x80\x02](${keys.map(text).join("")}e.`;
  return Buffer.from(`${number}${protocol}${machine}\x80\x02${root}.${list}`, "latin1");
}

// What pushes a state_dict, without the protocol before and the end after it.
function pickleOf(state: ReadonlyMap<string, HostArray>): string {
  return latin1(
    readZip(sourceOf(encodePt(state)))
      .members.get("archive/data.pkl")!
      .read(),
  ).slice(2, -1);
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const text = (value: string) => `X${String.fromCharCode(value.length)}\x00\x00\x00${value}`;

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}
