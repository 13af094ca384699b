import { graph, input, printGraph, type Tensor } from "swinyolo/graph";
import {
  type ArgValue,
  bindArgs,
  blocks,
  countFlops,
  countParameters,
  namedParams,
  type Part,
  parseActivation,
} from "swinyolo/nn";
import { describe, expect, it } from "vitest";

const silu = parseActivation("nn.SiLU()");

function build(name: string, values: readonly ArgValue[], channels: readonly number[]): Part {
  const definition = blocks[name];
  return definition.build(bindArgs(definition, values) as never, { activation: silu, channels });
}

type Row = [name: string, args: ArgValue[], inputs: string, output: string, parameters: number];

// Parameters by formula.
const conv = (c1: number, c2: number, k = 1, g = 1) => (k * k * c1 * c2) / g + 2 * c2;
const ghost = (c1: number, c2: number) => conv(c1, c2 / 2) + conv(c2 / 2, c2 / 2, 5, c2 / 2);
const transformer = (c: number) => 9 * c * c + 4 * c;
const swin = (d: number, heads: number) => 12 * d * d + 12 * d + 513 * heads + 1536;

// The first version: a bias for every offset of 8 x 8 windows and head.
const swin1 = (d: number, heads: number) => 12 * d * d + 13 * d + 225 * heads;
const [v1Forms, v2Forms] = [
  ["Swin_Transformer_A", "Swin_Transformer_B", "Swin_Transformer_C", "STCSPA", "STCSPB", "STCSPC", "C3STR"],
  ["Swin_v2_A", "Swin_v2_B", "Swin_v2_C", "ST2CSPA", "ST2CSPB", "ST2CSPC"],
];
// A head for every 32 channels of those inside the block.
const cspRow = (name: string): Row => {
  const layers = (d: number) => 2 * (v1Forms.includes(name) ? swin1 : swin)(d, d / 32);
  const parameters = {
    A: 2 * conv(48, 32) + conv(64, 64) + layers(32),
    B: conv(48, 64) + conv(64, 64) + conv(128, 64) + layers(64),
    C: 2 * conv(48, 32) + conv(32, 32) + conv(64, 64) + layers(32),
  };
  const form = name === "C3STR" ? "A" : (name.at(-1) as "A" | "B" | "C");
  return [name, [48, 64, 2], "1x48x9x16", "1x64x9x16", parameters[form]];
};

const rows: Row[] = [
  ...[...v1Forms, ...v2Forms].map(cspRow),
  ["SwinTransformerBlock", [16, 32, 2, 1, 4], "1x16x9x5", "1x32x9x5", conv(16, 32) + swin1(32, 2) - 2 * (225 - 49)],
  ["Conv", [3, 16, 6, 2, 2], "1x3x64x64", "1x16x32x32", conv(3, 16, 6)],
  ["Conv", [8, 16, [1, 3], [1, 2]], "2x8x9x9", "2x16x9x5", 3 * 8 * 16 + 32],
  ["Conv", [8, 16, 3, 1, null, 4, 2], "1x8x9x9", "1x16x9x9", conv(8, 16, 3, 4)],
  ["DWConv", [8, 12, 3, 2], "1x8x9x9", "1x12x5x5", conv(8, 12, 3, 4)],
  ["DWConvTranspose2d", [8, 8, 4, 2, 1, 1], "1x8x5x4", "1x8x11x9", 4 * 4 * 8 + 8],
  ["Focus", [3, 8, 3], "1x3x8x6", "1x8x4x3", conv(12, 8, 3)],
  ["Bottleneck", [16, 16], "1x16x5x5", "1x16x5x5", conv(16, 8) + conv(8, 16, 3)],
  [
    "BottleneckCSP",
    [8, 16, 2],
    "1x8x5x5",
    "1x16x5x5",
    conv(8, 8) + 2 * 64 + 32 + conv(16, 16) + 2 * (conv(8, 8) + conv(8, 8, 3)),
  ],
  ["C3", [16, 32, 2], "1x16x5x5", "1x32x5x5", 2 * conv(16, 16) + conv(32, 32) + 2 * (conv(16, 16) + conv(16, 16, 3))],
  ["C3x", [16, 32, 1], "1x16x5x5", "1x32x5x5", 2 * conv(16, 16) + conv(32, 32) + 2 * (3 * 16 * 16 + 32)],
  ["CrossConv", [8, 16, 3, 2], "1x8x8x8", "1x16x4x4", 3 * 8 * 16 + 32 + 3 * 16 * 16 + 32],
  ["C3TR", [16, 16, 2], "1x16x3x5", "1x16x3x5", 2 * conv(16, 8) + conv(16, 16) + 8 * 8 + 8 + 2 * transformer(8)],
  ["TransformerBlock", [8, 16, 4, 1], "2x8x3x4", "2x16x3x4", conv(8, 16) + 16 * 16 + 16 + transformer(16)],
  ["TransformerLayer", [12, 3], "7x2x12", "7x2x12", transformer(12)],
  ["C3SPP", [8, 16], "1x8x7x7", "1x16x7x7", 2 * conv(8, 8) + conv(16, 16) + conv(8, 4) + conv(16, 8)],
  ["SPP", [8, 16, [3, 5]], "1x8x7x7", "1x16x7x7", conv(8, 4) + conv(12, 16)],
  ["SPPF", [8, 16, 5], "1x8x7x7", "1x16x7x7", conv(8, 4) + conv(16, 16)],
  ["C3Ghost", [16, 16, 1], "1x16x5x5", "1x16x5x5", 2 * conv(16, 8) + conv(16, 16) + ghost(8, 4) + ghost(4, 8)],
  [
    "GhostBottleneck",
    [16, 32, 3, 2],
    "1x16x8x8",
    "1x32x4x4",
    ghost(16, 16) + 2 * conv(16, 16, 3, 16) + ghost(16, 32) + conv(16, 32),
  ],
  ["GhostConv", [8, 16, 3, 2], "1x8x8x8", "1x16x4x4", conv(8, 8, 3) + conv(8, 8, 5, 8)],
  ["GhostConv", [8, 17], "1x8x8x8", "1x16x8x8", ghost(8, 16)],
  ["MixConv2d", [8, 16, [1, 3], 2], "1x8x8x8", "1x16x4x4", 8 + 9 * 8 + 32],
  ["Contract", [2], "1x3x8x6", "1x12x4x3", 0],
  ["Expand", [2], "1x12x4x3", "1x3x8x6", 0],
  ["Concat", [1], "1x3x4x4 1x5x4x4", "1x8x4x4", 0],
  ["Sum", [3, true], "1x3x4x4 1x3x4x4 1x3x4x4", "1x3x4x4", 2],
  ["SwinV2_CSPB", [48, 64, 2], "1x48x9x16", "1x64x9x16", conv(48, 64) + conv(64, 64) + conv(128, 64) + 2 * swin(64, 2)],
  ["SwinTransformer2Block", [16, 32, 2, 1, 4], "1x16x9x5", "1x32x9x5", conv(16, 32) + swin(32, 2)],
  ["SwinTransformerLayer_v2", [32, 1, 8, 4], "2x32x9x17", "2x32x9x17", swin(32, 1)],
  ["WindowAttention_v2", [32, [4, 7], 4], "3x28x32", "3x28x32", 4 * 32 ** 2 + 3 * 32 + 513 * 4 + 1536],
  ["Mlp_v2", [8, 20, 12], "1x6x8", "1x6x12", 8 * 20 + 20 + 20 * 12 + 12],
  ["nn.Conv2d", [8, 16, 3, 2, 1], "1x8x8x8", "1x16x4x4", 9 * 8 * 16 + 16],
  ["nn.ConvTranspose2d", [8, 16, 2, 2], "1x8x4x4", "1x16x8x8", 4 * 8 * 16 + 16],
  ["nn.BatchNorm2d", [8], "1x8x4x4", "1x8x4x4", 16],
  ["nn.MaxPool2d", [3, 2, 1], "1x8x7x8", "1x8x4x4", 0],
  ["nn.MaxPool2d", [2, null, 0, 1, false, true], "1x8x7x8", "1x8x4x4", 0],
  ["nn.Upsample", [null, 2, "nearest"], "1x8x3x4", "1x8x6x8", 0],
  ["nn.Upsample", [[5, 7], null, "bilinear"], "1x8x3x4", "1x8x5x7", 0],
  ["nn.ZeroPad2d", [[0, 1, 2, 3]], "1x8x4x4", "1x8x9x5", 0],
  ["nn.Identity", [], "1x8x4x4", "1x8x4x4", 0],
];

describe("blocks", () => {
  it.each(rows)("%s %j: %s -> %s", (name, values, inputs, output, parameters) => {
    const shapes = inputs.split(" ").map((text) => text.split("x").map(Number));
    const block = build(
      name,
      values,
      shapes.map((shape) => shape[1]),
    );
    const xs = shapes.map((shape) => input(shape));
    const call = block as unknown as (x: Tensor | Tensor[]) => Tensor;
    expect(call(blocks[name].list ? xs : xs[0]).shape.join("x")).toBe(output);
    expect(countParameters(block)).toBe(parameters);
  });

  it("has a row for every block", () => {
    // Those that hand several maps on are in swinBackbone.test.ts.
    const several = ["Feature", "SwinV2Backbone"];
    const named = new Set([...several, ...rows.map(([name]) => name)]);
    expect(Object.keys(blocks).filter((name) => !named.has(name))).toEqual([]);
  });

  it("is known by its own name", () => {
    for (const [key, { name }] of Object.entries(blocks)) expect(name).toBe(key);
  });
});

describe("weight names are PyTorch's", () => {
  const names = (name: string, values: ArgValue[]) => [...namedParams(build(name, values, [16])).keys()];

  it("Conv", () => {
    expect(names("Conv", [16, 16])).toEqual([
      "conv.weight",
      "bn.weight",
      "bn.bias",
      "bn.running_mean",
      "bn.running_var",
      "bn.num_batches_tracked",
    ]);
  });

  it.each<[string, ArgValue[], string[]]>([
    ["C3", [16, 16, 2], ["cv1", "cv2", "cv3", "m.0.cv1", "m.0.cv2", "m.1.cv1", "m.1.cv2"]],
    ["SPPF", [16, 16], ["cv1", "cv2"]],
    ["GhostBottleneck", [16, 16, 3, 1], ["conv.0.cv1", "conv.0.cv2", "conv.2.cv1", "conv.2.cv2"]],
    [
      "GhostBottleneck",
      [16, 16, 3, 2],
      ["conv.0.cv1", "conv.0.cv2", "conv.1", "conv.2.cv1", "conv.2.cv2", "shortcut.0", "shortcut.1"],
    ],
  ])("%s %j has its Convs at %j", (name, values, convs) => {
    const found = names(name, values).filter((key) => key.endsWith(".conv.weight"));
    expect(found.map((key) => key.replace(".conv.weight", ""))).toEqual(convs);
  });

  it("a Swin block", () => {
    expect(names("SwinTransformerLayer_v2", [16, 1])).toEqual([
      "norm1.weight",
      "norm1.bias",
      "attn.logit_scale",
      "attn.q_bias",
      "attn.v_bias",
      "attn.relative_coords_table",
      "attn.relative_position_index",
      "attn.cpb_mlp.0.weight",
      "attn.cpb_mlp.0.bias",
      "attn.cpb_mlp.2.weight",
      "attn.qkv.weight",
      "attn.proj.weight",
      "attn.proj.bias",
      "norm2.weight",
      "norm2.bias",
      "mlp.fc1.weight",
      "mlp.fc1.bias",
      "mlp.fc2.weight",
      "mlp.fc2.bias",
    ]);
  });

  it("a transformer layer", () => {
    expect(names("TransformerLayer", [16, 4])).toEqual([
      "q.weight",
      "k.weight",
      "v.weight",
      "ma.in_proj_weight",
      "ma.in_proj_bias",
      "ma.out_proj.weight",
      "ma.out_proj.bias",
      "fc1.weight",
      "fc2.weight",
    ]);
  });
});

describe("activations", () => {
  const opsOf = (text: string) => {
    const x = input([2]);
    return printGraph(graph({ x }, { y: parseActivation(text)(x) }))
      .split("\n")
      .map((line) => /= (\w+)/.exec(line)?.[1])
      .filter(Boolean)
      .join(" ");
  };

  it.each([
    ["nn.SiLU()", "SiLU"],
    ["SiLU", "SiLU"],
    ["torch.nn.ReLU()", "Relu"],
    [" nn.LeakyReLU( 0.1 ) ", "LeakyRelu"],
    ["nn.ReLU6()", "Max Min"],
  ])("%s", (text, ops) => expect(opsOf(text)).toBe(ops));

  it.each(["nn.Foo()", "nn.ReLU(", "nn.ReLU().cuda()", "__import__('os')", "constructor", "nn.LeakyReLU(x)", ""])(
    "refuses %j",
    (text) => expect(() => parseActivation(text)).toThrow(/^activation ".*" is not known, expected one of SiLU, /),
  );
});

it("counts two operations for every multiply-add, and none for interpolation", () => {
  const x = input([1, 8, 4, 4]);
  const flops = (name: string, values: ArgValue[]) => {
    const block = build(name, values, [8]);
    const params = [...namedParams(block)].map(([key, { tensor }]): [string, Tensor] => [key, tensor]);
    const y = (block as unknown as (t: Tensor) => Tensor)(x);
    return countFlops(graph(new Map([...params, ["x", x]]), { y }));
  };
  expect(flops("nn.Conv2d", [8, 16, 3, 1, 1])).toBe(2 * 16 * 16 * 9 * 8);
  expect(flops("nn.Conv2d", [8, 16, 3, 1, 1, 1, 4])).toBe(2 * 16 * 16 * 9 * 2);
  expect(flops("nn.ConvTranspose2d", [8, 16, 2, 2])).toBe(2 * 16 * 8 * 16 * 4);
  expect(flops("nn.Upsample", [[7, 7], null, "bilinear"])).toBe(0);
});
