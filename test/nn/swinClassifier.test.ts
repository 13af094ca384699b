import { rng, UserError } from "swinyolo/data";
import {
  compile,
  grad,
  graph,
  type HostArray,
  hostArray,
  input,
  mul,
  recompute,
  reduceSum,
  toFloat32,
  toFloat64,
  withDropoutMasks,
} from "swinyolo/graph";
import {
  buildSwinClassifier,
  countFlops,
  countParameters,
  fittedWindow,
  initialState,
  namedParams,
  paramInputs,
  parseActivation,
  resizedSwin,
  type SwinOptions,
  type SwinVariant,
  shiftMask,
  shiftPatterns,
  swinConfig,
  swinMultiplyAdds,
  swinTokens,
  swinVariants,
} from "swinyolo/nn";
import { describe, expect, it } from "vitest";
import { runtime } from "../runtime.js";
import { referenceBlock } from "./swinReference.js";

describe("a block against plain loops", () => {
  it.each([
    ["res-post", "cosine", "log"],
    ["res-post", "cosine", "linear"],
    ["res-post", "cosine", "table"],
    ["res-post", "dot", "log"],
    ["pre", "cosine", "log"],
    ["pre", "dot", "table"],
  ] as const)("%s norm, %s attention, %s bias", async (norm, attention, bias) => {
    const [dim, heads, window, shift, side] = [8, 2, 4, 2, 8];
    const activation = parseActivation("GELU");
    const block = swinTokens(dim, heads, { window, shift, norm, attention, bias, activation });
    const x = input([1, side * side, dim]);
    const y = block(x, { height: side, width: side });
    const random = rng(shift, norm, attention, bias);
    const state = initialState(block, random);
    for (const [name, array] of state) {
      if (!name.includes("cpb") && array.dtype === "float32" && !name.includes("coords")) {
        array.data.forEach((v, i) => {
          array.data[i] = Number(v) + 0.2 * random.normal();
        });
      }
    }
    const tokens = Float32Array.from({ length: side * side * dim }, () => random.normal());
    const feeds = new Map([...state, ["x", hostArray("float32", x.shape, tokens)]]);
    const got = toFloat64((await run(graph(new Map([...paramInputs(block), ["x", x]]), { y }), feeds)).get("y")!);
    const weight = (name: string) => (state.has(name) ? toFloat64(state.get(name)!) : []);
    const rows = Array.from({ length: side * side }, (_, i) => Array.from(tokens.subarray(i * dim, (i + 1) * dim)));
    const expected = referenceBlock({ weight, dim, heads, window, shift, norm, attention, bias }, rows, side).flat();
    const furthest = Math.max(...expected.map((v, i) => Math.abs(v - got[i])));
    expect(furthest).toBeLessThan(2e-5);
  });
});

const small: SwinOptions = { embedDim: 8, depths: [2, 4], heads: [2, 4], imageSize: 32, window: 4 };

describe("a new classifier", () => {
  it("starts as the official code starts it", () => {
    const model = buildSwinClassifier({ ...small, extraNormEvery: 4 }, { classes: 5 });
    const state = initialState(model.module, rng(0, "weights"));
    const values = (name: string) => Array.from(toFloat32(state.get(name)!));
    const deviation = (name: string) => {
      const x = values(name);
      return Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length);
    };
    for (const name of [
      "attn.qkv.weight",
      "attn.proj.weight",
      "mlp.fc1.weight",
      "mlp.fc2.weight",
      "attn.cpb_mlp.0.weight",
    ]) {
      expect(deviation(`layers.1.blocks.0.${name}`)).toBeCloseTo(0.02, 2);
    }
    expect(deviation("head.weight")).toBeGreaterThan(0.01);
    for (const name of [
      "norm1.weight",
      "norm1.bias",
      "norm2.weight",
      "attn.proj.bias",
      "mlp.fc1.bias",
      "attn.cpb_mlp.0.bias",
    ]) {
      expect(new Set(values(`layers.0.blocks.1.${name}`))).toEqual(new Set([0]));
    }
    for (const name of ["patch_embed.norm", "layers.0.downsample.norm", "layers.1.blocks.3.enorm", "norm"]) {
      expect(new Set(values(`${name}.weight`))).toEqual(new Set([1]));
    }
    expect(values("layers.0.blocks.0.attn.logit_scale")[0]).toBeCloseTo(Math.log(10), 6);
    const patches = values("patch_embed.proj.weight").map(Math.abs);
    expect(Math.max(...patches)).toBeLessThanOrEqual(1 / Math.sqrt(48));
    expect(Math.max(...patches)).toBeGreaterThan(0.9 / Math.sqrt(48));
  });

  it("is the identity inside its stages", async () => {
    const model = buildSwinClassifier(small, { classes: 5 });
    const x = input([1, 3, 32, 32]);
    const { embedded, stages } = model.features(x);
    const g = graph(new Map([...paramInputs(model.module), ["x", x]]), { a: embedded, b: stages[0].tokens });
    const pixels = hostArray(
      "float32",
      x.shape,
      Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)),
    );
    const found = await run(g, new Map([...initialState(model.module, rng(0)), ["x", pixels]]));
    expect(found.get("b")).toEqual(found.get("a"));
  });

  it("decays matrices alone, and knows how deep a parameter lies", () => {
    const model = buildSwinClassifier({ ...small, absolutePosition: true }, { classes: 5 });
    const decayed = [...namedParams(model.module)]
      .filter(([name, { kind }]) => kind === "parameter" && !model.undecayed(name))
      .map(([name]) => name.replace(/layers\.\d\.(blocks\.\d\.)?/, ""));
    expect([...new Set(decayed)].sort()).toEqual([
      "attn.proj.weight",
      "attn.qkv.weight",
      "downsample.reduction.weight",
      "head.weight",
      "mlp.fc1.weight",
      "mlp.fc2.weight",
      "patch_embed.proj.weight",
    ]);
    expect(model.undecayed("layers.0.blocks.0.attn.logit_scale")).toBe(true);
    const depths = [
      "patch_embed.proj.weight",
      "layers.0.blocks.1.norm1.weight",
      "layers.0.downsample.norm.bias",
      "layers.1.blocks.0.attn.q_bias",
      "norm.bias",
      "head.weight",
    ];
    expect(depths.map(model.depthOf)).toEqual([0, 2, 2, 3, 7, 7]);
    expect(model.depths).toBe(8);
  });

  it("drops branches of later blocks more often", () => {
    const model = buildSwinClassifier(small, { classes: 5, dropPath: 0.5 });
    const x = input([2, 3, 32, 32]);
    const g = graph(new Map([...paramInputs(model.module), ["x", x]]), { y: model.module(x) });
    const { masks } = withDropoutMasks(g);
    // Both branches of a block; the first block's never.
    expect(masks.map(({ rate }) => Number(rate.toFixed(3)))).toEqual([
      0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5,
    ]);
    expect(masks.every(({ shape }) => shape.join() === "2,1,1")).toBe(true);
  });

  it("without classes gives pooled features", () => {
    const model = buildSwinClassifier(small, { classes: 0 });
    expect(model.module(input([2, 3, 32, 32])).shape).toEqual([2, 16]);
    expect(model.headNames).toEqual([]);
  });

  it("gives every number the same when its blocks are recomputed", async () => {
    const model = buildSwinClassifier({ ...small, depths: [2, 1], normStart: 1 }, { classes: 5 });
    const x = input([1, 3, 32, 32]);
    const params = paramInputs(model.module);
    const y = model.module(x);
    const wrt = [...params.keys()];
    const found = grad(
      reduceSum(mul(y, y)),
      wrt.map((name) => params.get(name)!),
    );
    const g = graph(new Map([...params, ["x", x]]), new Map(wrt.map((name, i) => [`grad ${name}`, found[i]])));
    const pixels = hostArray(
      "float32",
      x.shape,
      Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)),
    );
    const feeds = new Map([...initialState(model.module, rng(0)), ["x", pixels]]);
    const [kept, again] = [await run(g, feeds), await run(recompute(g), feeds)];
    for (const name of wrt) {
      const [a, b] = [kept, again].map((results) => toFloat64(results.get(`grad ${name}`)!));
      const size = Math.max(...a.map(Math.abs));
      const furthest = Math.max(...a.map((v, i) => Math.abs(v - b[i])));
      expect(furthest).toBeLessThanOrEqual(1e-4 * size);
    }
  });
});

describe("windows", () => {
  it.each([
    [[8, 8], 4, 0, [4, 0]],
    [[8, 8], 4, 1, [4, 2]],
    [[8, 8], 7, 1, [7, 3]],
    [[8, 8], 8, 1, [8, 0]], // equality removes the shift too
    [[6, 12], 8, 1, [6, 0]],
  ] as const)("on a grid of %s, wanted %i, block %i", (grid, wanted, block, [window, shift]) => {
    expect(fittedWindow(grid, wanted, block)).toEqual({ window, shift });
  });

  it.each([
    [{ imageSize: 48 }, "img_size: got 48 x 48, expected multiples of 32"],
    [{ imageSize: 160 }, "window: stage 1 has a grid of 20 x 20 tokens, which does not divide into windows of 8"],
    [{ depths: [2, 2] as number[], heads: [3] }, "num_heads: got 1 numbers, expected 2, one for each stage"],
    [{ heads: [5, 6, 12, 24] }, "num_heads: stage 0 is 96 wide, which does not divide among 5 heads"],
  ])("%j", (change, message) => {
    expect(() => buildSwinClassifier({ ...swinVariants.t, ...change })).toThrow(new UserError(message));
  });

  it("of a shifted grid have one of four masks", () => {
    const grid = { height: 12, width: 16, window: 4, shift: 2 };
    const { masks, pattern } = shiftPatterns(grid);
    const whole = pattern.flatMap((which) => Array.from(masks.subarray(which * 256, (which + 1) * 256)));
    expect(whole).toEqual(Array.from(shiftMask(grid)));
  });

  it("keep the scale that the position bias was trained with", () => {
    const trained = swinConfig({ ...swinVariants.b, imageSize: 192, window: 12 });
    const tuned = resizedSwin(trained, { imageSize: 256, window: 16 });
    expect(tuned.pretrainedWindow).toEqual([12, 12, 12, 6]);
    expect(resizedSwin(tuned, { imageSize: 384, window: 24 }).pretrainedWindow).toEqual([12, 12, 12, 6]);
    expect(resizedSwin(trained, { imageSize: 192 }).pretrainedWindow).toEqual([0, 0, 0, 0]);
  });
});

// Parameters with 1000 classes and without head, billions of multiply-adds (papers: FLOPs) by size and window.
const sizes: [SwinVariant, number, number, [number, number, number][]][] = [
  [
    "t",
    28_347_154,
    27_578_154,
    [
      [256, 8, 5.926],
      [256, 16, 6.605],
    ],
  ],
  [
    "s",
    49_728_418,
    48_959_418,
    [
      [256, 8, 11.515],
      [256, 16, 12.647],
    ],
  ],
  [
    "b",
    87_918_816,
    86_893_816,
    [
      [256, 8, 20.286],
      [256, 16, 21.796],
      [192, 12, 11.761],
      [384, 24, 54.748],
    ],
  ],
  [
    "l",
    196_739_932,
    195_202_932,
    [
      [192, 12, 25.965],
      [256, 16, 47.491],
      [384, 24, 115.417],
    ],
  ],
  [
    "h",
    658_036_370,
    655_219_370,
    [
      [192, 12, 85.75],
      [224, 14, 117.6],
      [512, 16, 620.1],
      [512, 32, 686.5],
    ],
  ],
  ["giant", 1_064_561_996, 1_060_976_996, [[192, 12, 138.3]]],
  [
    "g",
    3_001_940_680,
    2_997_843_680,
    [
      [192, 12, 370.7],
      [256, 16, 665.5],
      [384, 24, 1538],
      [640, 40, 4639],
      [1024, 32, 11376],
      [1536, 32, 25595],
    ],
  ],
];

describe.each(sizes)("the variant %s", (name, parameters, headless, works) => {
  it("has the published parameters, with a graph in no time", () => {
    const model = buildSwinClassifier(swinVariants[name]);
    expect(countParameters(model.module)).toBe(parameters);
    expect(countParameters(buildSwinClassifier(swinVariants[name], { classes: 0 }).module)).toBe(headless);
    const x = input([1, 3, 256, 256]);
    const traced = graph(new Map([...paramInputs(model.module), ["x", x]]), { y: model.module(x) });
    // Without norms, but with the network of the position bias.
    const ratio = countFlops(traced) / 2 / swinMultiplyAdds(model.config, 1000);
    expect(ratio).toBeGreaterThan(0.99);
    expect(ratio).toBeLessThan(1.01);
  });

  it.each(works)("at %i, window %i", (imageSize, window, giga) => {
    const config = swinConfig({ ...swinVariants[name], imageSize, window });
    const found = swinMultiplyAdds(config, 1000) / 1e9;
    expect(Math.abs(found - giga)).toBeLessThan(giga > 1000 ? 0.5 : giga > 60 ? 0.05 : 5e-4);
  });
});

async function run(g: Parameters<typeof compile>[1], feeds: ReadonlyMap<string, HostArray>) {
  const program = await compile(await runtime(), g);
  const found = await program.run(feeds);
  await program.release();
  return found;
}
