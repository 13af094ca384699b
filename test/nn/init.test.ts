import { rng } from "swinyolo/data";
import { compile, graph, type HostArray, hostArray, input, toFloat32 } from "swinyolo/graph";
import { type ArgValue, bindArgs, blocks, detectHead, initialState, type Part, parseActivation } from "swinyolo/nn";
import { describe, expect, it } from "vitest";
import { runtime } from "../runtime.js";

const build = (name: string, values: ArgValue[]): Part =>
  blocks[name].build(bindArgs(blocks[name], values) as never, {
    activation: parseActivation("nn.SiLU()"),
    channels: [values[0] as number],
  });

const fresh = (part: Part, seed = 0) => initialState(part, rng(seed, "weights"));

function spread({ data }: HostArray) {
  const numbers = Array.from(data as Float32Array);
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const variance = numbers.reduce((a, b) => a + (b - mean) ** 2, 0) / numbers.length;
  return { largest: Math.max(...numbers.map(Math.abs)), mean, deviation: Math.sqrt(variance) };
}

describe("new weights", () => {
  // Uniform within the bound: a deviation of bound / sqrt(3).
  it.each<[string, string, ArgValue[], string, number]>([
    ["convolutions within 1 / sqrt(fan in)", "Conv", [64, 64, 3], "conv.weight", 1 / Math.sqrt(64 * 9)],
    ["grouped ones by their group's", "DWConv", [256, 256, 3], "conv.weight", 1 / 3],
    ["linear layers too", "Mlp_v2", [64, 128], "fc1.weight", 1 / 8],
    ["and their biases", "Mlp_v2", [64, 4096], "fc1.bias", 1 / 8],
    ["stacked attention weights by xavier", "TransformerLayer", [64, 4], "ma.in_proj_weight", Math.sqrt(6 / 256)],
    ["the position mlp", "WindowAttention_v2", [32, [7, 7], 1], "cpb_mlp.0.weight", 1 / Math.sqrt(2)],
  ])("%s", (_, block, args, name, bound) => {
    const { largest, mean, deviation } = spread(fresh(build(block, args)).get(name)!);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(0.98 * bound);
    expect(Math.abs(mean)).toBeLessThan(0.06 * bound);
    expect(deviation / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
  });

  it.each<[string, ArgValue[], string, number]>([
    ["Conv", [8, 8], "bn.weight", 1],
    ["Conv", [8, 8], "bn.running_var", 1],
    ["Conv", [8, 8], "bn.running_mean", 0],
    ["TransformerLayer", [8, 2], "ma.in_proj_bias", 0],
    ["TransformerLayer", [8, 2], "ma.out_proj.bias", 0],
    ["SwinTransformerLayer_v2", [32, 1], "norm1.weight", 1],
    ["SwinTransformerLayer_v2", [32, 1], "attn.q_bias", 0],
    ["SwinTransformerLayer_v2", [32, 1], "attn.logit_scale", Math.fround(Math.log(10))],
  ])("%s %j: %s is %f", (block, args, name, value) => {
    expect(new Set(Array.from(fresh(build(block, args)).get(name)!.data, Number))).toEqual(new Set([value]));
  });

  it("a weighted Sum starts at -1/2, -2/2, ...", () => {
    const part = blocks.Sum.build({ n: 4, weight: true } as never, {
      activation: parseActivation("SiLU"),
      channels: [8, 8, 8, 8],
    });
    expect(Array.from(fresh(part).get("w")!.data, Number)).toEqual([-0.5, -1, -1.5]);
  });

  it("follow the seed", () => {
    const part = build("Conv", [8, 8]);
    const weight = (seed: number) => fresh(part, seed).get("conv.weight")!.data;
    expect(weight(1)).toEqual(weight(1));
    expect(weight(1)).not.toEqual(weight(2));
  });
});

const anchors = [
  [10, 13, 16, 30, 33, 23],
  [30, 61, 62, 45, 59, 119],
];

describe("Detect", () => {
  // obj += ln(8 / (640 / s)^2), class += ln(0.6 / (nc - 0.99999))
  it.each([
    [80, -4.880273602815283],
    [20, -3.4552651292480823],
    [1, 11.00209984],
  ])("biases of %i classes start at the odds", (nc, classBias) => {
    // So wide that the uniform part is small.
    const head = detectHead({ nc, anchors, ch: [1e6, 1e6], strides: [8, 16] });
    for (const [level, objectness] of [-6.684611727667927, -5.298317366548036].entries()) {
      const { init, tensor } = (head.module.children.m as Part as { children: Record<string, Part> }).children[level]
        .children.bias as unknown as {
        init: (shape: unknown, random: unknown) => Float32Array;
        tensor: { shape: number[] };
      };
      const bias = init(tensor.shape, rng(0, "weights"));
      for (let a = 0; a < 3; a++) {
        expect(Math.abs(bias[a * (nc + 5)])).toBeLessThanOrEqual(1e-3);
        expect(bias[a * (nc + 5) + 4]).toBeCloseTo(objectness, 2);
        expect(bias[a * (nc + 5) + 5 + nc - 1]).toBeCloseTo(classBias, 2);
      }
    }
  });

  it("decodes a cell", async () => {
    // Stride 16, column 3, row 5, anchor (30, 61).
    const head = detectHead({ nc: 1, anchors, ch: [8, 8], strides: [8, 16] });
    const maps = [input([1, 3, 2, 2, 6]), input([1, 3, 8, 8, 6])];
    const anchorTensor = head.anchors.tensor;
    const program = await compile(
      await runtime(),
      graph({ a: maps[0], b: maps[1], anchors: anchorTensor }, { z: head.decode(maps) }),
    );
    const map = new Float32Array(3 * 64 * 6);
    const cell = 5 * 8 + 3;
    const decode = async (t: number[]) => {
      map.set(t, cell * 6);
      const feeds = new Map([
        ["a", hostArray("float32", [1, 3, 2, 2, 6])],
        ["b", hostArray("float32", [1, 3, 8, 8, 6], map)],
        ["anchors", head.anchors.init as HostArray],
      ]);
      const z = (await program.run(feeds)).get("z")!;
      expect(z.shape).toEqual([1, 3 * 4 + 3 * 64, 6]);
      return Array.from(toFloat32(z).subarray((12 + cell) * 6, (12 + cell + 1) * 6));
    };
    expect(await decode([0, 0, 0, 0, 0, 0])).toEqual([56, 88, 30, 61, 0.5, 0.5]);
    const expected = [63.393874516, 80.606125484, 46.49467428, 34.77901741];
    const found = await decode([1, -1, 0.5, -0.5, 0, 0]);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4);
    await program.release();
  });
});
