import { rng } from "swinyolo/data";
import { bindWeights, readModelFile } from "swinyolo/engine";
import {
  bake,
  compile,
  type Graph,
  graph,
  type HostArray,
  hostArray,
  inference,
  input,
  useRunningStatistics,
} from "swinyolo/graph";
import { buildModel, initialState, paramInputs } from "swinyolo/nn";
import { expect, test } from "vitest";
import { runtime } from "../runtime.js";

const squares = Array.from({ length: 19 }, (_, i) => [64 + 32 * i, 64 + 32 * i] as const);
const rectangles = [
  [64, 96],
  [96, 64],
  [128, 416],
  [192, 320],
  [256, 352],
  [384, 640],
  [416, 128],
  [448, 96],
  [480, 640],
  [544, 288],
  [640, 384],
  [640, 480],
] as const;

const { yaml } = readModelFile("yolov5n-swinv2.yaml");
const model = buildModel(yaml, { nc: 3 });
const weights = initialState(model.module, rng(0, "sizes"));

test.each([...squares, ...rectangles])("%i x %i: unfolded, folded and baked agree", async (height, width) => {
  const images = input([1, 3, height, width]);
  const rows = model.head.decode(model.module(images));
  const traced = graph(new Map([...paramInputs(model.module), ["images", images]]), { rows });
  const random = rng(height, width);
  const picture = hostArray(
    "float32",
    images.shape,
    Float32Array.from({ length: 3 * height * width }, () => random.next()),
  );
  const reference = await run(bindWeights(useRunningStatistics(traced), weights), picture);
  for (const other of [
    bindWeights(inference(traced), weights),
    await bake(await runtime(), inference(traced), weights),
  ]) {
    const got = await run(other, picture);
    // Coordinates and scores have a bound each, from their own largest value.
    for (const [from, to] of [
      [0, 4],
      [4, 8],
    ]) {
      const [difference, largest] = compare(reference, got, from, to);
      expect(difference).toBeLessThanOrEqual(1e-4 * largest);
    }
  }
});

async function run(g: Graph, images: HostArray): Promise<Float32Array> {
  const program = await compile(await runtime(), g);
  const rows = (await program.run(new Map([["images", images]]))).get("rows")!.data as Float32Array;
  await program.release();
  return rows;
}

function compare(a: Float32Array, b: Float32Array, from: number, to: number): [difference: number, largest: number] {
  let [difference, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (i % 8 < from || i % 8 >= to) continue;
    difference = Math.max(difference, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(a[i]));
  }
  return [difference, largest];
}
