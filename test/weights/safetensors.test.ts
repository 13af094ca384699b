import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { encodeSafetensors, parseSafetensors, readSafetensors, writeSafetensors } from "swinyolo/engine";
import { allocate, bytesPerElement, type DType, elements, type HostArray, hostArray } from "swinyolo/graph";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "swinyolo-safetensors-"))));
afterAll(() => rm(folder, { recursive: true }));

const dtypes = Object.keys(bytesPerElement) as DType[];

const tensor: fc.Arbitrary<HostArray> = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }), seed: fc.nat() })
  .map(({ dtype, shape, seed }) => {
    const bytes = Uint8Array.from({ length: elements(shape) * bytesPerElement[dtype] }, (_, i) => (i * seed) % 251);
    return hostArray(dtype, shape, allocate(dtype, elements(shape), bytes.buffer, 0));
  });

const named = fc
  .array(fc.tuple(fc.string({ unit: "binary", maxLength: 12 }), tensor), { maxLength: 8 })
  .map((entries) => new Map(entries.filter(([name]) => name !== "__metadata__")));

const bits = ({ data }: HostArray) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

test("what is written is read again, at any place in memory", () => {
  const metadata = fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 20 }));
  fc.assert(
    fc.property(named, metadata, fc.nat(7), (tensors, texts, shift) => {
      const bytes = encodeSafetensors(tensors, texts);
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      const read = parseSafetensors(Buffer.from(moved.buffer, shift));
      expect(Object.entries(read.metadata)).toEqual(Object.entries(texts));
      expect(new Set(read.tensors.keys())).toEqual(new Set(tensors.keys()));
      for (const [name, { dtype, shape, data }] of tensors) {
        const found = read.tensors.get(name)!;
        expect([found.dtype, found.shape]).toEqual([dtype, shape]);
        expect(bits(found)).toEqual(bits({ dtype, shape, data }));
      }
    }),
  );
});

test("a damaged file is refused or read, never a crash", () => {
  const tensors = new Map([
    ["a", hostArray("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
    ["b", hostArray("int64", [2], BigInt64Array.of(7n, -8n))],
  ]);
  const whole = encodeSafetensors(tensors, { k: "v" });
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
      const damaged = whole.slice(0, length);
      if (at < length) damaged[at] = byte;
      try {
        parseSafetensors(damaged);
      } catch (error) {
        expect(error).toMatchObject({ name: "UserError" });
      }
    }),
    { numRuns: 2000 },
  );
});

test("a file is written whole or not at all", async () => {
  const file = join(folder, "deep", "a.safetensors");
  await writeSafetensors(file, new Map([["x", hostArray("uint8", [1], Uint8Array.of(5))]]));
  expect((await readSafetensors(file)).tensors.get("x")?.data).toEqual(Uint8Array.of(5));
  expect(await readdir(join(folder, "deep"))).toEqual(["a.safetensors"]);
  const blocked = join(folder, "deep"); // a folder of that name is in the way
  await expect(writeSafetensors(blocked, new Map())).rejects.toThrow(/deep: cannot be written/);
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("errors name the file", async () => {
  const file = join(folder, "bad.safetensors");
  await expect(readSafetensors(file)).rejects.toThrow(`${file}: cannot be read: no such file`);
  await writeFile(file, "<html>not found</html>");
  await expect(readSafetensors(file)).rejects.toThrow(`${file}: cut off, or no safetensors file`);
});
