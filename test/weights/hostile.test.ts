import { readFileSync } from "node:fs";
import { encodePt, parsePt, parseSafetensors } from "swinyolo/engine";
import { hostArray } from "swinyolo/graph";
import { expect, test } from "vitest";
import { goldens, hasShared } from "../paths.js";

const x = hostArray("float32", [4], Float32Array.of(1, 2, 3, 4));
const written = encodePt(new Map([["x", x]]));

/** A file of the old format, which is pickles one after another; the object is the fourth. */
function withPickle(pickle: string): Uint8Array {
  const bytes = Buffer.from(pickle, "latin1");
  const number = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  const protocol = "\x80\x02M\xe9\x03.";
  const machine = "\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";
  return Buffer.concat([
    Buffer.from(number + protocol + machine, "latin1"),
    bytes,
    Buffer.from("\x80\x02].", "latin1"),
  ]);
}

test.each([
  ["a call of os.system", "\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R.", "refused: the file calls os.system"],
  ["a call of getattr", "\x80\x02c__builtin__\ngetattr\n)R.", "refused: the file calls __builtin__.getattr"],
  ["a call of a constructor's name", "\x80\x02cconstructor\n\n)R.", "refused: the file calls constructor."],
  [
    "a nested load",
    "\x80\x02ctorch.storage\n_load_from_bytes\nC\x01a\x85R.",
    "refused: the file calls torch.storage._load",
  ],
  [
    "a class stacked by name",
    "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.",
    "refused: the file calls posix.system",
  ],
  ["an object of it, never made", "\x80\x02cos\nsystem\n)\x81.", "it holds no tensors: an object of class os.system"],
  ["a call of what is no class", "\x80\x02K\x01)R.", "damaged pickle"],
  ["an extension code", "\x80\x02\x82\x01.", "opcode 0x82"],
  ["INST, which makes an object by name", "\x80\x02(ios\nsystem\n.", "opcode 0x69"],
  ["protocol 9", "\x80\x09N.", "protocol 9"],
  ["a text of 4 GB", "\x80\x02X\xff\xff\xff\xff", "cut off"],
  ["a text of 2^63 bytes", "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", "cut off"],
  ["a number of 100,000 bytes", "\x80\x02\x8b\xa0\x86\x01\x00", "a number of 100000 bytes"],
  ["an empty stack", "\x80\x020.", "damaged pickle"],
  ["a mark that is never used", "\x80\x02(.", "damaged pickle"],
  ["items of a number", "\x80\x02K\x01K\x02K\x03s.", "damaged pickle"],
  ["a memo that was never set", "\x80\x02h\x07.", "damaged pickle"],
  ["a list that holds itself", "\x80\x02]q\x00h\x00a.", "it holds no tensors"],
  [
    "a model that holds itself",
    "\x80\x02ca\nB\n)\x81q\x00}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00mh\x00ssb.",
    "endless modules",
  ],
  ["lists in lists, each twice", "\x80\x02]" + "q\x002h\x00a0]h\x00ah\x00a".repeat(60) + ".", "it holds no tensors"],
])("refused: %s", (_, pickle, message) => {
  expect(() => parsePt(withPickle(pickle))).toThrow(expect.objectContaining({ name: "UserError" }));
  expect(() => parsePt(withPickle(pickle))).toThrow(message);
});

test("a tensor that repeats one number endlessly is out of proportion", () => {
  const at = Buffer.from(written).indexOf("(J\x04\x00\x00\x00t(J\x01\x00\x00\x00t", 0, "latin1");
  const huge = Buffer.from(written);
  huge.write("(J\xff\xff\xff\x7ft(J\x00\x00\x00\x00t", at, "latin1");
  const zeroed = withoutChecksums(huge);
  expect(() => parsePt(zeroed)).toThrow('tensor "x": shape [2147483647] is out of proportion');
});

test("a bit that flipped in the numbers is noticed", () => {
  const damaged = Uint8Array.from(written);
  damaged[Buffer.from(written).indexOf(Buffer.from(x.data.buffer))] ^= 1;
  expect(() => parsePt(damaged)).toThrow('zip member "archive/data/0" does not match its checksum');
});

test("whatever is cut off or changed is refused or read, never a crash", () => {
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 3000; i++) {
    const damaged = Uint8Array.from(written.subarray(0, i % 2 ? written.length : random(written.length)));
    for (let k = 0; k < 3 && damaged.length > 0; k++) damaged[random(damaged.length)] = random(256);
    try {
      parsePt(withoutChecksums(damaged));
    } catch (error) {
      expect(error).toMatchObject({ name: "UserError" });
    }
  }
});

test.skipIf(!hasShared).each([
  ["pt/html_page.pt", "a web page, not weights"],
  ["pt/empty.pt", "an empty file"],
  ["pt/truncated.pt", "cut off or damaged"],
  ["pt/pickle_calls_eval.pt", "refused: the file calls builtins.eval"],
  ["pt/legacy_calls_os_system.pt", "refused: the file calls posix.system"],
  ["pt/storage_missing.pt", "storage 0 is missing"],
  ["pt/storage_short.pt", "has 8 bytes, 48 expected"],
  ["pt/tensor_past_storage.pt", "which has 12"],
  ["pt/inflates_to_64_MiB.pt", "is compressed"],
  ["pt/nested_100000_deep.pt", "it holds no tensors"],
  ["safetensors/overlapping.safetensors", 'tensor "y" shares bytes'],
  ["safetensors/hole.safetensors", "bytes 8 to 12 of the data belong to no tensor"],
  ["safetensors/shape_overflows.safetensors", "0 bytes, but F32 of shape [4294967296,4294967296]"],
  ["safetensors/header_length_2_63.safetensors", "a header of 9223372036854775807 bytes"],
])("%s says what is wrong", (file, message) => {
  const parse = file.startsWith("pt") ? parsePt : parseSafetensors;
  expect(() => parse(readFileSync(goldens("hostile", file)))).toThrow(message);
});

/** The zip with checksums made to fit, so that what lies behind them is reached. */
function withoutChecksums(zip: Uint8Array): Uint8Array {
  const bytes = Buffer.from(zip);
  for (
    let at = bytes.indexOf("PK\x01\x02");
    at >= 0 && at + 46 <= bytes.length;
    at = bytes.indexOf("PK\x01\x02", at + 4)
  ) {
    const [size, header] = [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 42)];
    if (header + 30 > bytes.length) continue;
    const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
    bytes.writeUInt32LE(crc32(bytes.subarray(start, start + size)), at + 16);
  }
  return bytes;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
