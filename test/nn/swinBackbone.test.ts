import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rng, UserError } from "swinyolo/data";
import { createState, openModel, writePt } from "swinyolo/engine";
import { compile, type Graph, graph, type HostArray, hostArray, input, toFloat64 } from "swinyolo/graph";
import {
  type ArgValue,
  buildModel,
  buildSwinClassifier,
  initialState,
  namedParams,
  paramInputs,
  swinBackbone,
  swinConfig,
  swinFeatures,
} from "swinyolo/nn";
import { afterAll, describe, expect, it } from "vitest";
import { runtime } from "../runtime.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-backbone-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const small: ArgValue = [8, [2, 2, 2, 2], [1, 2, 4, 8]];

const model = (row: ArgValue[]) => ({
  nc: 2,
  anchors: 3,
  backbone: [
    [-1, 1, "SwinV2Backbone", row],
    [0, 1, "Feature", [1]],
    [-1, 1, "Conv", [16, 1, 1]],
  ],
  head: [[[0, 2], 1, "Detect", ["nc", "anchors"]]],
});

describe("the row SwinV2Backbone", () => {
  it("gives maps of some stages; a row Feature picks one, a list takes them all", () => {
    const { layers, strides, layerMaps, module } = buildModel(model([small, 4, 0.2, 0, [1, 2]]));
    const x = input([1, 3, 64, 96]);
    expect(layerMaps(x)[0].map(({ shape }) => shape)).toEqual([
      [1, 16, 8, 12],
      [1, 32, 4, 6],
    ]);
    expect(strides).toEqual([8, 16, 16]);
    expect(layers[3].args).toMatchObject({ ch: [16, 32, 16] });
    expect(module(x).map(({ shape }) => shape)).toEqual([
      [1, 3, 8, 12, 7],
      [1, 3, 4, 6, 7],
      [1, 3, 4, 6, 7],
    ]);
  });

  it.each<[string, ArgValue[], ArgValue[] | undefined, string]>([
    [
      "a variant",
      ["u"],
      undefined,
      'argument variant: got "u", expected one of t, s, b, l, h, g, giant, or [embed_dim, depths] or [embed_dim, depths, num_heads]',
    ],
    ["a stage", [small, 4, 0.2, 0, [1, 4]], undefined, "argument stages: got 4, expected stages from 0 to 3"],
    ["heads", [[8, [2, 2], [3, 1]]], undefined, "num_heads: stage 0 is 8 wide, which does not divide among 3 heads"],
    [
      "a reader of one map",
      [small, 4],
      [0, 1, "Conv", [8]],
      "from: got 3 maps, expected one: Conv has a single input; a row Feature picks one",
    ],
    ["a map", [small, 4], [0, 1, "Feature", [3]], "argument index: got 3, expected less than 3, the maps there are"],
    [
      "repeats",
      [small, 4],
      [-1, 2, "Feature", [0]],
      "number: got 2, expected 1: Feature takes a list and gives one output",
    ],
  ])("names mistakes: %s", (_, row, next, message) => {
    const yaml = model(row);
    if (next) yaml.backbone[1] = next as never;
    const index = next ? 1 : 0;
    const module = yaml.backbone[index][2];
    expect(() => buildModel(yaml)).toThrow(new UserError(`backbone.${index}: row ${index} (${module}): ${message}`));
  });
});

// 5 x 7 tokens: windows of 4 need 8 x 8, merging needs 6 x 8. New blocks are the identity, so tokens are merged as they came.
it("pads maps that do not divide, and leaves maps of the picture's own size", async () => {
  const backbone = swinBackbone(swinConfig({ embedDim: 8, depths: [2, 2], heads: [2, 4], window: 4 }));
  const x = input([1, 3, 20, 28]);
  const { embedded, stages } = backbone.run(x);
  expect(stages.map(({ size }) => size)).toEqual([
    { height: 5, width: 7 },
    { height: 3, width: 4 },
  ]);
  const pixels = hostArray(
    "float32",
    x.shape,
    Float32Array.from({ length: 1680 }, (_, i) => Math.sin(i)),
  );
  const state = initialState(backbone, rng(0));
  const outputs = { embedded, tokens: stages[0].tokens, merged: stages[0].merged! };
  const g = graph(new Map([...paramInputs(backbone), ["x", x]]), outputs);
  const found = await run(g, new Map([...state, ["x", pixels]]));
  expect(found.get("tokens")).toEqual(found.get("embedded"));
  const [tokens, merged] = ["embedded", "merged"].map((name) => toFloat64(found.get(name)!));
  const weight = toFloat64(state.get("layers.0.downsample.reduction.weight")!); // [16, 32]
  const token = (row: number, column: number) =>
    row < 5 && column < 7
      ? Array.from(tokens.subarray((row * 7 + column) * 8, (row * 7 + column + 1) * 8))
      : new Array<number>(8).fill(0);
  for (const [row, column] of [
    [0, 0],
    [1, 3], // its right half is padding
    [2, 3],
  ]) {
    const [y, z] = [2 * row, 2 * column];
    const four = [token(y, z), token(y + 1, z), token(y, z + 1), token(y + 1, z + 1)].flat();
    const products = Array.from({ length: 16 }, (_, i) => four.reduce((s, v, j) => s + v * weight[i * 32 + j], 0));
    const mean = products.reduce((a, b) => a + b, 0) / 16;
    const deviation = Math.sqrt(products.reduce((a, b) => a + (b - mean) ** 2, 0) / 16 + 1e-5);
    const got = merged.subarray((row * 4 + column) * 16, (row * 4 + column + 1) * 16);
    for (const [i, product] of products.entries()) expect(got[i]).toBeCloseTo((product - mean) / deviation, 4);
  }
});

it("computes on windows that divide what the classifier's stage computes", async () => {
  const options = { embedDim: 8, depths: [2, 2], heads: [2, 4], window: 4, imageSize: 64, normStart: 1 };
  const classifier = buildSwinClassifier(options, { classes: 3 });
  const dense = swinFeatures(swinConfig(options), [0, 1]);
  const x = input([1, 3, 64, 64]);
  const stages = classifier.features(x).stages;
  const pixels = hostArray(
    "float32",
    x.shape,
    Float32Array.from({ length: 12288 }, (_, i) => Math.sin(i)),
  );
  const state = initialState(classifier.module, rng(0));
  const tokens = await run(
    graph(new Map([...paramInputs(classifier.module), ["x", x]]), { y: stages[0].tokens }),
    new Map([...state, ["x", pixels]]),
  );
  const [map] = dense(x);
  const maps = await run(
    graph(new Map([...paramInputs(dense), ["x", x]]), { y: map }),
    new Map([...initialState(dense, rng(1)), ...state, ["x", pixels]]),
  );
  // Each token normalised over its 8 channels.
  const rows = toFloat64(tokens.get("y")!);
  const y = toFloat64(maps.get("y")!);
  for (const token of [0, 17, 255]) {
    const row = rows.subarray(token * 8, token * 8 + 8);
    const mean = row.reduce((a, b) => a + b, 0) / 8;
    const deviation = Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / 8 + 1e-5);
    for (let c = 0; c < 8; c++) expect(y[c * 256 + token]).toBeCloseTo((row[c] - mean) / deviation, 4);
  }
});

describe("weights of a classifier", () => {
  const options = { embedDim: 8, depths: [2, 2, 2, 2], heads: [1, 2, 4, 8], window: 4, imageSize: 64 };
  const classifier = buildSwinClassifier(options, { classes: 5 });
  const state = initialState(classifier.module, rng(3));

  it("go into the row by their names", async () => {
    const [file, yaml] = [join(folder, "classifier.pth"), join(folder, "rows.yaml")];
    writeFileSync(yaml, JSON.stringify(model([small, 4, 0.2, 0, [1, 2]])));
    await writePt(file, state);
    const { report, weights } = await openModel({ model: yaml, weights: file });
    const learned = [...namedParams(classifier.module)].filter(([, { kind }]) => kind === "parameter");
    const trunk = learned.filter(([name]) => /^(layers|patch_embed)/.test(name)).map(([name]) => `model.0.${name}`);
    expect(report?.matched).toEqual(trunk);
    expect(report?.unused).toEqual(["norm.weight", "norm.bias", "head.weight", "head.bias"]);
    expect(report?.missing).toContain("model.0.norm1.weight");
    expect(weights.get(trunk[5])).toEqual(state.get(trunk[5].replace("model.0.", "")));
  });

  it("bring the scale of their position bias to other windows", async () => {
    const [file, yaml] = [join(folder, "classifier.pth"), join(folder, "wider.yaml")];
    writeFileSync(yaml, JSON.stringify(model([small, 6])));
    await writePt(file, state);
    const { model: built } = await openModel({ model: yaml, weights: file });
    // The last stage's grid of 2 x 2 was one window.
    expect(built.layers[0].args).toMatchObject({ window: 6, pretrained_window: [4, 4, 4, 2] });
  });
});

async function run(g: Graph, feeds: ReadonlyMap<string, HostArray>): Promise<Map<string, HostArray>> {
  const program = await compile(await runtime(), g);
  const found = await program.run(new Map([...feeds].filter(([name]) => g.inputs.has(name))));
  await program.release();
  return found;
}

it("decays of a backbone row exactly what the official code decays", () => {
  const detector = buildModel(model([small, 4]));
  const state = createState(detector.module, initialState(detector.module, rng(0)), { optimizer: "AdamW" });
  const own = [...state.places].filter(([name]) => name.startsWith("model.0."));
  const groupsOf = (ending: RegExp) => new Set(own.filter(([name]) => ending.test(name)).map(([, p]) => p.vector));
  const decayed = /(patch_embed\.proj|qkv|attn\.proj|fc1|fc2|reduction)\.weight$/;
  expect(own.filter(([, { vector }]) => vector === "weight").map(([name]) => name)).toEqual(
    own.map(([name]) => name).filter((name) => decayed.test(name)),
  );
  expect([...groupsOf(/logit_scale|cpb_mlp\.\d\.weight|[qv]_bias/)]).toEqual(["norm"]);
  expect([...groupsOf(/\.bias$/)]).toEqual(["bias"]);
});
