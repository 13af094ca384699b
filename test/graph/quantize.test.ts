import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  add,
  compile,
  concat,
  constant,
  conv,
  dequantizeLinear,
  floats,
  freeBatch,
  fromOnnx,
  type Graph,
  gemm,
  graph,
  type HostArray,
  hostArray,
  importGraph,
  input,
  lower,
  maxPool,
  nodes,
  openModel,
  quantizableLayers,
  quantize,
  quantizeLinear,
  type Range,
  reshape,
  scalar,
  sigmoid,
  silu,
  type Tensor,
  tanh,
  tensorsToMeasure,
  toFloat32,
  toOnnx,
  transpose,
  upsampleNearest,
} from "swinyolo/graph";
import { afterAll, describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { distinct, once } from "./numeric.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-quantize-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("QuantizeLinear and DequantizeLinear", () => {
  const x = input([2, 3]);
  const feeds = new Map([["x", hostArray("float32", [2, 3], Float32Array.of(-1, 0, 0.25, 0.75, 60, 200))]]);
  const whole = { scale: scalar(0.5), zero: scalar(10, "uint8") };
  const zero = constant(hostArray("int8", [3], Int8Array.of(0, 1, -1)));
  const columns = { scale: floats([1, 0.5, 2]), zero };
  const g = graph(
    { x },
    {
      levels: quantizeLinear(x, whole),
      back: dequantizeLinear(quantizeLinear(x, whole), whole),
      byColumn: quantizeLinear(x, columns),
      columnsBack: dequantizeLinear(quantizeLinear(x, columns), columns),
    },
  );

  test("round to even, saturate and come back, for a tensor and along an axis", async () => {
    const found = await once(g, feeds);
    const numbers = (name: string) => Array.from(found.get(name)!.data as Float32Array);
    expect(numbers("levels")).toEqual([8, 10, 10, 12, 130, 255]);
    expect(numbers("back")).toEqual([-1, 0, 0, 1, 60, 122.5]);
    expect(numbers("byColumn")).toEqual([-1, 1, -1, 1, 121, 99]);
    expect(numbers("columnsBack")).toEqual([-1, 0, 0, 1, 60, 200]);
  });

  test("are written and read", async () => {
    expect(await once(importGraph(fromOnnx(toOnnx(g))), feeds)).toEqual(await once(g, feeds));
  });

  test("say what does not fit", () => {
    const short = { scale: floats([1, 2]), zero: constant(hostArray("int8", [2])) };
    expect(() => quantizeLinear(x, short)).toThrow("scale and zero of shape [3] expected");
    expect(() => quantizeLinear(x, { scale: scalar(1), zero: scalar(0, "int32") })).toThrow("levels of 8 bits");
    expect(() => dequantizeLinear(x, whole)).toThrow("the zero level needs the levels' type");
  });
});

/** A small detector: three convolutions with SiLU, a pool joined with what it pools, a residual, a linear layer, decoding. */
function net(): Graph {
  const images = input([1, 3, 8, 8]);
  let seed = 0;
  const block = (x: Tensor, to: number, k: number) => {
    const fan = x.shape[1] * k * k;
    // Values of about 1 all the way, as in a trained net.
    const numbers = distinct(to * fan, ++seed).map((v) => v / Math.sqrt(fan));
    const weight = floats(numbers, [to, x.shape[1], k, k]);
    const pads = new Array<number>(4).fill((k - 1) / 2);
    return silu(conv(x, { ...weight, label: `block${seed}.weight` }, { pads, bias: floats(distinct(to, 7)) }));
  };
  const stem = block(images, 8, 3);
  const deep = add(stem, block(stem, 8, 3));
  const pooled = maxPool(deep, [3, 3], { strides: [1, 1], pads: [1, 1, 1, 1] });
  const small = maxPool(block(concat([deep, pooled], 1), 4, 1), [2, 2]);
  const joined = concat([upsampleNearest(small, 2), stem], 1); // [1, 12, 8, 8]
  const tokens = reshape(transpose(joined, [0, 2, 3, 1]), [64, 12]);
  const rows = gemm(
    tanh(tokens),
    floats(
      distinct(72, 5).map((v) => v / 4),
      [6, 12],
    ),
    { transB: true, bias: floats(distinct(6, 6)) },
  );
  return lower(graph({ images }, { rows: sigmoid(rows) }));
}

const picture = new Map([
  ["images", hostArray("float32", [1, 3, 8, 8], distinct(192, 3).map((v) => Math.abs(v) % 1) as Float32Array)],
]);

async function measured(g: Graph): Promise<Map<Tensor, Range>> {
  const wanted = tensorsToMeasure(g);
  const inputs = new Set(g.inputs.values());
  const outputs = new Map(wanted.filter((x) => !inputs.has(x)).map((x) => [String(x.id), x]));
  const values = await once(graph(g.inputs, outputs), picture);
  const range = (x: Tensor) => {
    const data = toFloat32(inputs.has(x) ? picture.get("images")! : values.get(String(x.id))!);
    return { low: Math.min(...data), high: Math.max(...data) };
  };
  return new Map(wanted.map((x) => [x, range(x)]));
}

describe("quantize", () => {
  const g = net();
  const types = (file: string) => fromOnnx(readFileSync(file)).nodes.map(({ type }) => type);
  const optimised = async (quantised: Graph, name: string) => {
    const file = join(folder, name);
    const program = await compile(await runtime(), quantised, { optimizedModelPath: file });
    const found = await program.run(picture);
    await program.release();
    return { found: found.get("rows") as HostArray, types: types(file) };
  };
  const worst = (a: HostArray, b: HostArray) => {
    const y = toFloat32(b);
    return toFloat32(a).reduce((most, v, i) => Math.max(most, Math.abs(v - y[i])), 0);
  };

  test("runs in integer kernels and says the same within a level or two", async () => {
    const exact = (await once(g, picture)).get("rows")!;
    const { found, types } = await optimised(quantize(g, await measured(g)), "all.onnx");
    expect(worst(found, exact)).toBeLessThan(0.03);
    expect(worst(found, exact)).toBeGreaterThan(0);
    const count = (type: string) => types.filter((one) => one === type).length;
    expect(
      Object.fromEntries(
        ["QLinearConv", "QLinearSigmoid", "QLinearMul", "QLinearAdd", "QGemm"].map((t) => [t, count(t)]),
      ),
    ).toEqual({
      QLinearConv: 3,
      QLinearSigmoid: 3,
      QLinearMul: 3,
      QLinearAdd: 1,
      QGemm: 1,
    });
    expect(count("QLinearConcat")).toBe(2);
    // Rows of pixels are repeated in place of a Resize: its kernel is slow with channels last.
    expect([count("Resize"), count("Gather")]).toEqual([0, 2]);
    // The picture and the tangents become levels, the tokens and the rows come back.
    expect([count("QuantizeLinear"), count("DequantizeLinear"), count("Conv"), count("Gemm")]).toEqual([2, 2, 0, 0]);
  });

  test("keeps layers in float32 with what follows them", async () => {
    const [first] = quantizableLayers(g);
    const { types } = await optimised(quantize(g, await measured(g), { keep: (node) => node === first }), "kept.onnx");
    const convolutions = types.filter((type) => /Conv/.test(type)).sort();
    expect(convolutions.filter((type) => type === "QLinearConv").length).toBe(2);
    expect(convolutions.length).toBe(3);
  });

  test("knows the range of what is moved behind a layer that is kept", async () => {
    const exact = (await once(g, picture)).get("rows")!;
    const ranges = await measured(g);
    for (const layer of quantizableLayers(g)) {
      const kept = (await once(quantize(g, ranges, { keep: (node) => node === layer }), picture)).get("rows")!;
      expect(worst(kept, exact)).toBeLessThan(0.03);
    }
  });

  test("leaves everything as it is when all layers are kept", async () => {
    const kept = quantize(g, new Map(), { keep: () => true });
    expect(nodes(kept).map(({ op }) => op.name)).toEqual(nodes(g).map(({ op }) => op.name));
  });

  test("stores weights as int8 by output channel and biases as int32, under their names", async () => {
    const { initializers } = fromOnnx(toOnnx(quantize(g, await measured(g))));
    const weight = initializers.get("block1.weight")!;
    expect([weight.dtype, weight.shape]).toEqual(["int8", [8, 3, 3, 3]]);
    const levels = weight.read().data as Int8Array;
    for (let c = 0; c < 8; c++) expect(Math.max(...levels.subarray(c * 27, c * 27 + 27).map(Math.abs))).toBe(127);
    const biases = [...initializers.values()].filter(({ dtype, shape }) => dtype === "int32" && shape.length === 1);
    expect(biases.length).toBeGreaterThanOrEqual(4);
  });

  describe("folds the steps of a convolution on few channels into channels", () => {
    const folding = (batch: number, from: number, [k, s, p]: readonly number[]) => {
      const images = input([batch, from, 16, 24]);
      const weight = floats(
        distinct(16 * from * k * k, 4).map((v) => v / k),
        [16, from, k, k],
      );
      const bias = floats(distinct(16, 5));
      return graph(
        { images },
        { y: conv(images, { ...weight, label: "stem" }, { strides: [s, s], pads: [p, p, p, p], bias }) },
      );
    };
    const pictures = (batch: number, from: number) =>
      new Map([
        [
          "images",
          hostArray(
            "float32",
            [batch, from, 16, 24],
            distinct(batch * from * 384, 9).map((v) => Math.abs(v) % 1) as Float32Array,
          ),
        ],
      ]);
    const eightBits = (g: Graph, y: HostArray) => {
      const found = toFloat32(y);
      const ends = { low: Math.min(...found), high: Math.max(...found) };
      const ranges = new Map([
        [g.inputs.get("images")!, { low: 0, high: 1 }],
        [g.outputs.get("y")!, ends],
      ]);
      return { quantised: quantize(g, ranges), level: (ends.high - ends.low) / 255 };
    };

    test.each([
      { from: 3, step: [6, 2, 2], kernel: [16, 16, 3, 3] },
      { from: 3, step: [3, 2, 1], kernel: [16, 16, 2, 2] },
      { from: 3, step: [4, 4, 0], kernel: [16, 64, 1, 1] },
      { from: 1, step: [7, 2, 3], kernel: [16, 16, 4, 4] },
      { from: 5, step: [5, 2, 2], kernel: [16, 32, 3, 3] },
      { from: 3, step: [3, 1, 1], kernel: [16, 3, 3, 3] },
      { from: 8, step: [3, 2, 1], kernel: [16, 8, 3, 3] },
    ])("$from channels, kernel, step and border $step", async ({ from, step, kernel }) => {
      const g = folding(1, from, step);
      const exact = (await once(g, pictures(1, from))).get("y")!;
      const { quantised, level } = eightBits(g, exact);
      expect(fromOnnx(toOnnx(quantised)).initializers.get("stem")!.shape).toEqual(kernel);
      const found = (await once(quantised, pictures(1, from))).get("y")!;
      expect(found.shape).toEqual(exact.shape);
      expect(worst(found, exact)).toBeLessThan(3 * level);
    });

    test("with a free batch", async () => {
      const [one, two, three] = [1, 2, 3].map((batch) => folding(batch, 3, [6, 2, 2]));
      const exact = (await once(three, pictures(3, 3))).get("y")!;
      const { quantised, level } = eightBits(freeBatch(one, two), exact);
      const free = { images: { 0: "batch" }, y: { 0: "batch" } };
      const program = await openModel(await runtime(), toOnnx(quantised, { freeAxes: free }));
      const found = (await program.run(pictures(3, 3))).get("y")!;
      await program.release();
      expect(found.shape).toEqual(exact.shape);
      expect(worst(found, exact)).toBeLessThan(3 * level);
    });
  });

  test("names what it lacks a range of", () => {
    expect(() => quantize(g, new Map())).toThrow(/no range of .* was measured/);
  });
});
