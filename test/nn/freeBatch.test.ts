import { rng } from "swinyolo/data";
import { bindWeights, forwardGraph, readModelFile } from "swinyolo/engine";
import { freeBatch, type HostArray, hostArray, openModel, toOnnx } from "swinyolo/graph";
import { buildModel, initialState } from "swinyolo/nn";
import { expect, test } from "vitest";
import { runtime } from "../runtime.js";

test.each([
  "yolov5n.yaml",
  "yolov5n-swinv2.yaml",
  "yolov5s-swin.yaml",
  "yolov5s-ghost.yaml",
  "yolov5s-transformer.yaml",
])("%s traced once runs with any batch, each picture as it would alone", async (file) => {
  const { yaml } = readModelFile(file);
  const model = buildModel(yaml, { nc: 2 });
  const weights = initialState(model.module, rng(0, "weights"));
  const [one, two] = [1, 2].map((batch) => forwardGraph(model, [batch, 3, 96, 96]));
  const g = bindWeights(freeBatch(one, two), weights);
  const program = await openModel(
    await runtime(),
    toOnnx(g, { freeAxes: { images: { 0: "batch" }, rows: { 0: "batch" } } }),
    { threads: 1 },
  );
  const random = rng(1, "pictures");
  const pixels = Uint8Array.from({ length: 3 * 3 * 96 * 96 }, () => random.int(256));
  const run = async (from: number, to: number): Promise<HostArray> => {
    const images = hostArray("uint8", [to - from, 3, 96, 96], pixels.slice(from * 27648, to * 27648));
    return (await program.run(new Map([["images", images]]))).get("rows")!;
  };
  const together = await run(0, 3);
  expect(together.shape[0]).toBe(3);
  const size = together.data.length / 3;
  for (const at of [0, 1, 2]) {
    const alone = (await run(at, at + 1)).data as Float32Array;
    const there = together.data as Float32Array;
    const off = alone.reduce((most, value, i) => Math.max(most, Math.abs(value - there[at * size + i])), 0);
    expect(off).toBeLessThanOrEqual(1e-4 * alone.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  }
  await program.release();
});
