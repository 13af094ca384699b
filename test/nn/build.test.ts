import { parseYaml, UserError } from "swinyolo/data";
import { add, input } from "swinyolo/graph";
import {
  type BuildOptions,
  buildModel,
  convBlock,
  count,
  defineBlock,
  module,
  namedParams,
  paramInputs,
} from "swinyolo/nn";
import { describe, expect, it } from "vitest";

interface Parts {
  keys?: string;
  row?: string;
  from?: string;
  detect?: string;
}

/** A model of a Conv, one row to try, and a head that reads it. */
const yaml = ({ keys = "anchors: 3", row = "[-1, 1, Conv, [16]]", from = "[1]", detect = "[nc, anchors]" }: Parts) =>
  `nc: 3
${keys}
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - ${row}
head:
  - [${from}, 1, Detect, ${detect}]
`;

function build(text: string, options: BuildOptions = {}) {
  const { value, place } = parseYaml(text, "m.yaml");
  return buildModel(value, { place, ...options });
}

function refusal(text: string, options?: BuildOptions): string {
  try {
    build(text, options);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return "accepted";
}

describe("a row that is wrong says where, what was got and what is expected", () => {
  it.each([
    ['[-1, 1, Conv, [16, "x"]]', '(Conv): argument k: got "x", expected a whole number over 0 or two of them'],
    ["[-1, 1, Conv, [16, [3]]]", "(Conv): argument k: got [3], expected a whole number over 0 or two of them"],
    ["[-1, 1, Conv, []]", "(Conv): argument c2 is missing, expected a whole number from 1 to 65536"],
    ["[-1, 1, Conv, [1e9]]", "(Conv): argument c2: got 1000000000, expected a whole number from 1 to 65536"],
    ["[-1, 1, Conv, [{a: 1}]]", '(Conv): argument a is not known; did you mean "k"?'],
    ["[-1, 1, Conv, [16, 1, 1, None, 3]]", "(Conv): got 3 groups, expected a number that divides the widths 16 and 16"],
    [
      "[-1, 1, Conv, [16, 1, 1, None, 1, 1, True, 4]]",
      "(Conv): got 9 arguments, expected at most 8 (c1, c2, k, s, p, g, d, act)",
    ],
    [
      '[-1, 1, Conv, [16, 1, 1, None, 1, 1, "nn.Silu()"]]',
      '(Conv): activation "nn.Silu()" is not known, expected one of SiLU, ReLU, ReLU6, LeakyReLU, Hardswish, Mish, GELU, Sigmoid, Tanh, Identity; did you mean "SiLU"?',
    ],
    ["[-1, 1, C3, [16, 5]]", "(C3): argument shortcut: got 5, expected true or false"],
    ["[-1, 1, Cnov, [16]]", '(Cnov): module "Cnov" is not known; did you mean "Conv"?'],
    ["[-1, 1, constructor, [16]]", '(constructor): module "constructor" is not known'],
    ["[60, 1, Conv, [16]]", "(Conv): from: got 60, expected a layer before this one: -1 to -1, or 0 to 0"],
    ["[[-1, -5], 1, Concat, [1]]", "(Concat): from: got -5, expected a layer before this one: -1 to -1, or 0 to 0"],
    ["[[-1, 0], 1, Conv, [16]]", "(Conv): from: got 2 layers, expected one: Conv has a single input"],
    ["[[-1, 0], 2, Concat, [1]]", "(Concat): number: got 2, expected 1: Concat takes a list and gives one output"],
    ["[[-1, 0], 1, Sum, [3]]", "(Sum): argument n: got 3, expected 2, one an input"],
    ["[-1, 1, Expand, [3]]", "(Expand): argument gain: got 3, expected one whose square divides 16"],
    ["[-1, 1, SwinV2_CSPB, [16]]", "(SwinV2_CSPB): argument c2: got 16, expected at least 32, the width of a head"],
    ["[-1, 1, SwinV2_CSPB, [104]]", "(SwinV2_CSPB): a width of 104 does not divide among 3 heads"],
    [
      "[-1, 1, SwinTransformerLayer_v2, [16, 1, 7, 7]]",
      "(SwinTransformerLayer_v2): argument shift_size: got 7, expected less than the window 7",
    ],
    [
      "[-1, 1, SwinTransformerLayer_v2, [16, 1, 100000]]",
      "(SwinTransformerLayer_v2): argument window_size: got 100000, expected a whole number from 1 to 48",
    ],
    ["[-1, 1, GhostBottleneck, [32]]", "(GhostBottleneck): argument c2: got 32, expected the input's width 16"],
    [
      "[-1, 1, nn.MaxPool2d, [2, 2, 5]]",
      "(nn.MaxPool2d): argument padding: got 5, expected at most half of the kernel 2",
    ],
    ["[-1, 1, nn.Upsample, []]", "(nn.Upsample): size and scale_factor are both null, expected one of them"],
    [
      "[-1, 1, nn.Conv2d, [8, 16, 1]]",
      "(nn.Conv2d): Conv(float32[1, 16, 128, 128], float32[16, 8, 1, 1], float32[16]): input has 16 channels, weight expects 8",
    ],
    ["[-1, 1, Detect, [nc, anchors]]", "(Detect): Detect must be the last row"],
  ])("%s", (row, message) => expect(refusal(yaml({ row }))).toBe(`m.yaml:5:5: row 1 ${message}`));

  it.each([
    ["[-1, 0, Conv, [16]]", "number: got 0, expected a whole number from 1 to 200"],
    ["[-1, 1000000000, Conv, [16]]", "number: got 1000000000, expected a whole number from 1 to 200"],
    ["[-1, 1, Conv]", 'got [-1,1,"Conv"], expected a row [from, number, module, args]'],
    ["[-1, 1, 7, [16]]", "module: got 7, expected the name of a module"],
    ["[x, 1, Conv, [16]]", 'from: got "x", expected a layer number or a list of them'],
    ["[-1, 1, Conv, 16]", "args: got 16, expected a list"],
  ])("%s", (row, message) => expect(refusal(yaml({ row }))).toBe(`m.yaml:5:5: ${message}`));

  it.each([
    [{ detect: "[5, anchors]" }, "argument nc: got 5, expected nc, the model's 3 classes"],
    [{ detect: "[nc, 7, 8, 9]" }, "got 4 arguments, expected at most 3 (nc, anchors, inplace)"],
    [{ keys: "anchors: [[1, 2], [3, 4]]" }, "anchors: got 2 levels, expected 1, one for each input"],
    [{ from: "[1, 2]" }, "from: got 2, expected a layer before this one: -2 to -1, or 0 to 1"],
    [
      { row: "[-1, 1, nn.Conv2d, [16, 16, 3]]" },
      "a level of 126 x 126 for a picture of 256 x 256, expected a whole stride",
    ],
  ])("%j", (parts, message) => expect(refusal(yaml(parts))).toBe(`m.yaml:7:5: row 2 (Detect): ${message}`));

  it.each([
    ["anchors: 3\nwidth_mutliple: 0.5", '3:1: key "width_mutliple" is not known; did you mean "width_multiple"?'],
    ["anchors: 3\nwidth_multiple: -1", "3:1: width_multiple: got -1, expected a number over 0"],
    ["anchors: 3\nactivation: 7", "3:1: activation: got 7, expected text such as nn.SiLU()"],
    ["ch: 3", "1:1: anchors: got nothing, expected"],
    ["anchors: [[1, 2], [3, 4, 5, 6]]", "2:1: anchors: got [[1,2],[3,4,5,6]], expected"],
  ])("%j", (keys, message) => expect(refusal(yaml({ keys }))).toContain(`m.yaml:${message}`));

  it("keys of other tools are left alone", () => {
    expect(refusal(yaml({ keys: "anchors: 3\nscales: {n: [1, 2]}\ntask: detect" }))).toBe("accepted");
  });

  it("a model without a head, and no model at all", () => {
    expect(refusal(yaml({}).replace("Detect", "Detcet"))).toContain('"Detcet" is not known; did you mean "Detect"?');
    expect(refusal(yaml({}).replace(/head:.*/s, "head: []"))).toBe(
      "m.yaml:5:5: row 1 (Conv): the last row must be Detect",
    );
    expect(refusal("[]")).toContain("m.yaml:1:1: a model with keys nc, depth_multiple");
    expect(refusal("nc: 3")).toBe("m.yaml:1:1: backbone: got nothing, expected a list of rows");
  });
});

describe("gains", () => {
  const layer = (keys: string, row: string) => build(yaml({ keys: `anchors: 3\n${keys}`, row })).layers[1];

  it.each([
    [0.33, 1, 1],
    [0.33, 3, 1],
    [0.33, 6, 2],
    [0.33, 9, 3],
    [0.67, 6, 4],
    [1.33, 9, 12],
    [0.5, 5, 2], // half to even
    [0.01, 2, 1],
  ])("depth %f: %i becomes %i", (depth, number, repeats) => {
    expect(layer(`depth_multiple: ${depth}`, `[-1, ${number}, C3, [16]]`).args.n).toBe(repeats);
  });

  it.each([
    [0.33, 256, 88],
    [0.25, 200, 56],
    [1, 17, 24],
    [1, 24, 24], // three anchors with 3 + 5 numbers each
    [0.25, 24, 24], // the predictions' width stays
    [0.25, 64, 16],
  ])("width %f: %i becomes %i", (width, c2, scaled) => {
    expect(layer(`width_multiple: ${width}`, `[-1, 1, Conv, [${c2}]]`).args.c2).toBe(scaled);
  });

  it("repeats what takes no count in sequence", () => {
    const { module: built } = build(yaml({ row: "[-1, 2, Bottleneck, [16]]" }));
    expect([...namedParams(built).keys()].filter((name) => name.endsWith("cv1.conv.weight"))).toEqual([
      "model.1.0.cv1.conv.weight",
      "model.1.1.cv1.conv.weight",
    ]);
  });

  it("does not scale the second number of a SwinV2_CSPB row, which has no effect", () => {
    const { args } = layer("width_multiple: 0.5", "[-1, 3, SwinV2_CSPB, [64, 64]]");
    expect(args).toMatchObject({ c1: 8, c2: 32, n: 3, shortcut: 64, g: 1, e: 0.5 });
  });
});

describe("the head", () => {
  it("takes classes and channels from the caller", () => {
    const model = build(yaml({}), { nc: 7, ch: 1 });
    expect(model.module(input([2, 1, 64, 96])).map(({ shape }) => shape)).toEqual([[2, 3, 32, 48, 12]]);
    expect(namedParams(model.module).get("model.0.conv.weight")?.tensor.shape).toEqual([16, 1, 3, 3]);
    expect(model.head).toMatchObject({ nc: 7, na: 3, no: 12 });
  });

  it("measures strides that are no power of two on a larger picture", () => {
    expect(build(yaml({ row: "[-1, 1, Contract, [3]]" })).strides).toEqual([6]);
  });

  it("turns anchors round that do not grow with the strides", () => {
    const keys = "anchors: [[100, 100], [10, 10]]";
    const model = build(yaml({ keys, row: "[-1, 1, Conv, [16, 3, 2]]", from: "[0, 1]" }));
    expect(model.strides).toEqual([2, 4]);
    expect(model.head.anchors.init).toMatchObject({ data: Float32Array.of(5, 5, 25, 25) });
  });

  it("saves the layers that later rows read by number", () => {
    const model = build(yaml({ row: "[[-1, -1], 1, Concat, [1]]", from: "[0, -1]" }));
    expect(model.save).toEqual([0]);
  });

  it("names weights by layer, and feeds all but derived buffers", () => {
    const { module: built } = build(yaml({ row: "[-1, 1, SwinV2_CSPB, [32]]" }));
    const all = [...namedParams(built).keys()];
    expect(all.slice(-3)).toEqual(["model.2.anchors", "model.2.m.0.weight", "model.2.m.0.bias"]);
    expect(all.filter((name) => !paramInputs(built).has(name))).toEqual([
      "model.1.m.blocks.0.attn.relative_coords_table",
      "model.1.m.blocks.0.attn.relative_position_index",
    ]);
  });
});

it("a block of one's own is a row like any other", () => {
  const Twice = defineBlock({
    name: "Twice",
    widths: "scaled",
    args: { c1: count, c2: count, k: count.or(3) },
    build: ({ c1, c2, k }, context) => {
      const [cv1, cv2] = [convBlock(c1, c2, context, { k }), convBlock(c1, c2, context)];
      return module({ cv1, cv2 }, (x) => add(cv1(x), cv2(x)));
    },
  });
  const keys = "anchors: 3\nwidth_multiple: 0.5";
  const model = build(yaml({ keys, row: "[-1, 2, Twice, [8, 5]]" }), { extra: [Twice] });
  expect(model.layers[1]).toMatchObject({ repeats: 2, args: { c1: 8, c2: 8, k: 5 } });
  expect(namedParams(model.module).get("model.1.1.cv1.conv.weight")?.tensor.shape).toEqual([8, 8, 5, 5]);
  expect(refusal(yaml({ row: "[-1, 1, Twice, [8, x]]" }), { extra: [Twice] })).toBe(
    'm.yaml:5:5: row 1 (Twice): argument k: got "x", expected a whole number from 1 to 65536',
  );
  expect(refusal(yaml({ row: "[-1, 1, Twcie, [8]]" }), { extra: [Twice] })).toContain('did you mean "Twice"?');
});
