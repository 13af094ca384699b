import {
  compile,
  type Graph,
  graph,
  type HostArray,
  hostArray,
  input,
  nodes,
  toFloat64,
  useRunningStatistics,
  withDropoutMasks,
} from "swinyolo/graph";
import {
  bindArgs,
  blocks,
  type Module,
  namedParams,
  paramInputs,
  parseActivation,
  relativeCoordsTable,
  relativePositionIndex,
  shiftMask,
  windowIndex,
} from "swinyolo/nn";
import { describe, expect, it } from "vitest";
import { runtime } from "../runtime.js";

const layer = (...values: (number | boolean)[]): Module =>
  blocks.SwinTransformerLayer_v2.build(bindArgs(blocks.SwinTransformerLayer_v2, values) as never, {
    activation: parseActivation("nn.SiLU()"),
    channels: [values[0] as number],
  }) as Module;

describe("windows", () => {
  it("of a 3 x 3 map, padded to 4 x 4 and rolled by 1", () => {
    // Token 9 is the row of zeros.
    const { index, inverse } = windowIndex({ height: 3, width: 3, window: 2, shift: 1 });
    expect(index).toEqual([4, 5, 7, 8, 9, 3, 9, 6, 9, 9, 1, 2, 9, 9, 9, 0]);
    expect(inverse.map((place) => index[place])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("see only what was near before the roll", () => {
    const mask = shiftMask({ height: 4, width: 4, window: 2, shift: 1 });
    const rows = Array.from({ length: 16 }, (_, i) => Array.from(mask.subarray(i * 4, i * 4 + 4)));
    const [o, x] = [0, -100];
    expect(rows.slice(0, 4)).toEqual(new Array(4).fill([o, o, o, o]));
    expect(rows.slice(4, 8)).toEqual([
      [o, x, o, x],
      [x, o, x, o],
      [o, x, o, x],
      [x, o, x, o],
    ]);
    expect(rows.slice(8, 12)).toEqual([
      [o, o, x, x],
      [o, o, x, x],
      [x, x, o, o],
      [x, x, o, o],
    ]);
    expect(rows.slice(12)).toEqual([
      [o, x, x, x],
      [x, o, x, x],
      [x, x, o, x],
      [x, x, x, o],
    ]);
  });

  it("number pairs of tokens by query minus key", () => {
    expect(Array.from(relativePositionIndex([2, 2]).data, Number)).toEqual([
      4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4,
    ]);
  });

  it.each([
    [8, 0, [0, 0.3665119, 0.572069, 0.7156138, 0.8260158, 0.9157446, 0.9913349, 1.0566417]],
    [16, 12, [0, 0.262832, 0.4318186, 0.5566171]],
    [1, 0, [0]],
  ])("of %i, trained at %i, have log-spaced offsets", (window, pretrained, expected) => {
    const { data } = relativeCoordsTable([window, window], [pretrained, pretrained]);
    const side = 2 * window - 1;
    // Row offset 0 and column offsets from 0: the second number of each entry.
    const at = (i: number) => data[((window - 1) * side + window - 1 + i) * 2 + 1];
    for (const [i, value] of expected.entries()) expect(at(i)).toBeCloseTo(value, 6);
  });
});

// Sums computed in float64 from parameters and input by formula, padding and shift included.
describe("a layer of 32 channels and 2 heads on a 5 x 9 map", () => {
  it.each([
    [0, 214.85582359858117, 712.1003752621771, [-0.0290376801, -0.0190659941, -0.0090955669], 0.9642578283874869],
    [3, 214.8614168103275, 712.1023525273283, [-0.0290372943, -0.0190656547, -0.009095265], 0.9642484093678967],
  ])("shift %i", async (shift, sum, squares, first, last) => {
    const block = layer(32, 2, 7, shift);
    const x = input([1, 32, 5, 9]);
    const g = graph(new Map([...paramInputs(block), ["x", x]]), { y: block(x) });
    const order =
      "norm1.weight norm1.bias attn.logit_scale attn.q_bias attn.v_bias attn.cpb_mlp.0.weight attn.cpb_mlp.0.bias attn.cpb_mlp.2.weight attn.qkv.weight attn.proj.weight attn.proj.bias norm2.weight norm2.bias mlp.fc1.weight mlp.fc1.bias mlp.fc2.weight mlp.fc2.bias";
    const params = namedParams(block);
    const feeds = new Map<string, HostArray>();
    for (const [j, name] of order.split(" ").entries()) {
      const { shape } = params.get(name)!.tensor;
      feeds.set(
        name,
        wave(shape, (k) => 0.05 * Math.sin(0.1 * k + j)),
      );
    }
    feeds.set(
      "x",
      wave(x.shape, (k) => Math.sin(0.01 * k)),
    );
    const y = toFloat64((await run(g, feeds)).get("y")!);
    expect(y.reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 3);
    expect(y.reduce((a, b) => a + b * b, 0)).toBeCloseTo(squares, 2);
    for (const [i, value] of first.entries()) expect(y[i]).toBeCloseTo(value, 6);
    expect(y[y.length - 1]).toBeCloseTo(last, 6);
  });
});

describe("dropout", () => {
  const trace = (block: Module): Graph => {
    const x = input([3, 32, 7, 7]);
    return graph(new Map([...paramInputs(block), ["x", x]]), { y: block(x) });
  };
  // dim, heads, window, shift, ratio, bias, drop, attn_drop, drop_path
  const g = trace(layer(32, 1, 7, 0, 4, true, 0.1, 0.2, 0.3));

  it("has a mask wherever PyTorch draws one", () => {
    const { masks } = withDropoutMasks(g);
    expect(masks.map(({ shape, rate }) => [rate, shape.join("x")])).toEqual([
      [0.2, "3x1x49x49"], // on the attention
      [0.1, "3x49x32"], // on its projection
      [0.3, "3x1x1"], // whole samples
      [0.1, "3x49x128"], // in the mlp, twice
      [0.1, "3x49x32"],
      [0.3, "3x1x1"],
    ]);
  });

  it("is gone when the model is used, and never there at rate 0", () => {
    const drops = (one: Graph) => nodes(one).filter(({ op }) => op.name === "Dropout").length;
    expect(drops(g)).toBe(6);
    expect(drops(useRunningStatistics(g))).toBe(0);
    expect(drops(trace(layer(32, 1)))).toBe(0);
  });
});

const wave = (shape: readonly number[], at: (k: number) => number): HostArray => {
  const array = hostArray("float32", shape);
  array.data.forEach((_, k) => {
    array.data[k] = at(k);
  });
  return array;
};

async function run(g: Graph, feeds: ReadonlyMap<string, HostArray>) {
  const program = await compile(await runtime(), g);
  const results = await program.run(feeds);
  await program.release();
  return results;
}
