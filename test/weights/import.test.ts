import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importWeights, loadWeights, writePt, writeSafetensors } from "swinyolo/engine";
import { hostArray } from "swinyolo/graph";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hasShared, shared } from "../paths.js";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "swinyolo-import-"))));
afterAll(() => rm(folder, { recursive: true }));

const bytesOf = (file: string) => readFileSync(file);

test.skipIf(!hasShared)("yolov5n from .pt to safetensors, to .pt and back", async () => {
  const [first, pt, second] = ["n.safetensors", "n.pt", "m.safetensors"].map((name) => join(folder, "n", name));
  const imported = { tensors: 349, parameters: 1_872_157, skipped: [] };
  expect(await importWeights({ weights: shared("weights", "yolov5n.pt"), out: first })).toEqual(imported);
  const loaded = await loadWeights(first);
  expect(loaded).toMatchObject({ format: "safetensors", stride: [8, 16, 32], modelYaml: { nc: 80 } });
  expect(loaded.names).toHaveLength(80);
  expect(await importWeights({ weights: first, out: pt, half: true })).toEqual(imported);
  await importWeights({ weights: pt, out: second });
  const stored = await loadWeights(shared("weights", "yolov5n.safetensors"));
  expect(stored).toMatchObject({ metadata: { nc: "80", depth_multiple: "0.33" }, modelYaml: { nc: 80 } });
  const again = await loadWeights(second);
  for (const [name, { dtype, shape, data }] of stored.tensors) {
    for (const { tensors } of [loaded, again]) {
      const found = tensors.get(name)!;
      expect([name, found.dtype, found.shape]).toEqual([name, dtype, shape]);
      expect(
        Buffer.from(found.data.buffer, found.data.byteOffset, found.data.byteLength).equals(
          Buffer.from(data.buffer, data.byteOffset, data.byteLength),
        ),
      ).toBe(true);
    }
  }
});

test("class names and model stay in the file when its .json is lost", async () => {
  const [from, to] = ["a.safetensors", "b.safetensors"].map((name) => join(folder, name));
  await writeSafetensors(from, new Map([["x", hostArray("float64", [1], Float64Array.of(0.5))]]));
  const about = { names: ["cat"], model: { nc: 1 }, hyp: { lr0: 0.01 }, tensors: "of no use" };
  await writeFile(join(folder, "a.json"), JSON.stringify(about));
  expect(await importWeights({ weights: from, out: to })).toEqual({ tensors: 1, parameters: 1, skipped: [] });
  expect(JSON.parse(bytesOf(join(folder, "b.json")).toString())).toEqual({
    names: ["cat"],
    model: { nc: 1 },
    hyp: { lr0: 0.01 },
  });
  await rm(join(folder, "b.json"));
  const { names, modelYaml, tensors } = await loadWeights(to);
  expect({ names, modelYaml, dtype: tensors.get("x")?.dtype }).toEqual({
    names: ["cat"],
    modelYaml: { nc: 1 },
    dtype: "float32",
  });
});

test("the content decides, not the name", async () => {
  const file = join(folder, "named.safetensors");
  await writePt(file, new Map([["x", hostArray("int8", [1], Int8Array.of(-3))]]));
  const { format, tensors } = await loadWeights(file);
  expect([format, tensors.get("x")?.data]).toEqual(["pytorch", Int8Array.of(-3)]);
});

test("a failure leaves nothing behind", async () => {
  const bad = join(folder, "bad.pt");
  const out = join(folder, "never", "out.safetensors");
  await writeFile(bad, "<!DOCTYPE html>");
  await expect(importWeights({ weights: bad, out })).rejects.toThrow(`${bad}: a web page, not weights`);
  await expect(importWeights({ weights: bad, out: "x.onnx" })).rejects.toThrow("out=x.onnx: .safetensors or .pt");
  const large = join(folder, "large.safetensors");
  await writeSafetensors(large, new Map([["big", hostArray("float32", [1], Float32Array.of(7e4))]]));
  await expect(importWeights({ weights: large, out, half: true })).rejects.toThrow("tensor big has numbers over 65504");
  expect(existsSync(join(folder, "never"))).toBe(false);
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a broken .json beside weights is named", async () => {
  const file = join(folder, "c.safetensors");
  await writeSafetensors(file, new Map());
  await writeFile(join(folder, "c.json"), "{");
  await expect(loadWeights(file)).rejects.toThrow(`${join(folder, "c.json")}: not a JSON object`);
});
