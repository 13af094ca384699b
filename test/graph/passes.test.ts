import {
  add,
  bake,
  batchNorm,
  clamp,
  conv,
  div,
  dropout,
  exp,
  expandTo,
  floats,
  type Graph,
  gather,
  gelu,
  graph,
  type HostArray,
  half,
  hostArray,
  inference,
  input,
  ints,
  layerNorm,
  linear,
  lower,
  matMul,
  max,
  maxPool,
  mul,
  nodes,
  pad,
  printGraph,
  prune,
  reduceSum,
  relu,
  reshape,
  scalar,
  sigmoid,
  silu,
  softmax,
  split,
  splitConstantPart,
  sqrt,
  square,
  sub,
  swapLast,
  type Tensor,
  toFloat32,
  toOnnx,
  transpose,
  upsampleNearest,
} from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { distinct, once } from "./numeric.js";

const array = (shape: readonly number[], seed = 1): HostArray =>
  hostArray(
    "float32",
    shape,
    distinct(
      shape.reduce((n, d) => n * d, 1),
      seed,
    ),
  );

const difference = (a: HostArray, b: HostArray): number => {
  const [x, y] = [toFloat32(a), toFloat32(b)];
  expect(x.length).toBe(y.length);
  return x.reduce((worst, v, i) => Math.max(worst, Math.abs(v - y[i])), 0);
};

/** A small detector-like net: conv + bn + silu, pooled, a window attention with a bias table made by an MLP, upsampled. */
function net() {
  const inputs = new Map<string, Tensor>([["images", input([1, 3, 8, 8])]]);
  const weights = new Map<string, HostArray>();
  const param = (name: string, shape: number[], positive = false) => {
    const tensor = input(shape, { label: name });
    const value = array(shape, inputs.size);
    if (positive) value.data = (value.data as Float32Array).map((v) => Math.abs(v) + 0.5);
    inputs.set(name, tensor);
    weights.set(name, value);
    return tensor;
  };
  const norm = (x: Tensor, name: string) =>
    batchNorm(x, {
      weight: param(`${name}.weight`, [x.shape[1]]),
      bias: param(`${name}.bias`, [x.shape[1]]),
      mean: param(`${name}.running_mean`, [x.shape[1]]),
      variance: param(`${name}.running_var`, [x.shape[1]], true),
    });
  const stem = silu(
    norm(conv(inputs.get("images")!, param("conv.weight", [8, 3, 3, 3]), { pads: [1, 1, 1, 1] }), "bn"),
  );
  const small = maxPool(stem, [2, 2]); // [1, 8, 4, 4]
  const tokens = swapLast(reshape(small, [8, 16])); // [16, 8]
  const normal = layerNorm(tokens, param("norm.weight", [8]), param("norm.bias", [8]));
  const [q, k, v] = split(
    linear(normal, param("qkv.weight", [24, 8]), { bias: param("qkv.bias", [24]) }),
    [8, 8, 8],
    1,
  );
  const unit = (x: Tensor) => div(x, max(sqrt(reduceSum(square(x), { axes: [-1], keepDims: true })), scalar(1e-12)));
  const coords = floats(distinct(49 * 2, 3), [49, 2]);
  const table = linear(relu(linear(coords, param("cpb.0.weight", [5, 2]))), param("cpb.2.weight", [1, 5]));
  const index = ints(
    Array.from({ length: 256 }, (_, i) => (i * 7) % 49),
    [16, 16],
  );
  const bias = mul(sigmoid(reshape(gather(table, index), [16, 16])), scalar(16));
  const scale = exp(clamp(param("logit_scale", [1]), 0, Math.log(100)));
  const scores = add(mul(matMul(unit(q), swapLast(unit(k))), scale), bias);
  const mixed = add(tokens, matMul(softmax(scores), v));
  const back = reshape(swapLast(gelu(mixed)), [1, 8, 4, 4]);
  const out = conv(add(upsampleNearest(back, 2), stem), param("head.weight", [4, 8, 1, 1]), {
    bias: param("head.bias", [4]),
  });
  return { g: inference(graph(inputs, { out })), weights };
}

const picture = new Map([["images", array([1, 3, 8, 8], 99)]]);
const count = (g: Graph, name: string) => nodes(lower(g)).filter(({ op }) => op.name === name).length;

describe("prune", () => {
  test("computes what is the same once", () => {
    const x = input([2, 3]);
    const [a, b] = [0, 1].map(() => add(mul(x, floats([1, 2, 3])), scalar(1)));
    const g = prune(graph({ x }, { y: sub(a, b), z: b }));
    expect(printGraph(g)).toMatchInlineSnapshot(`
      "x: float32[2, 3]
      %0: float32[2, 3] = Mul(x, const float32[3])
      %1: float32[2, 3] = Add(%0, 1)
      %2: float32[2, 3] = Sub(%1, %1)
      y <- %2
      z <- %1"
    `);
  });

  test("joins transpositions and drops those that undo each other", () => {
    const x = input([2, 3, 4]);
    const turned = transpose(transpose(x, [1, 2, 0]), [1, 2, 0]);
    const g = prune(graph({ x }, { y: relu(turned), z: relu(transpose(turned, [1, 2, 0])) }));
    expect(printGraph(g)).toMatchInlineSnapshot(`
      "x: float32[2, 3, 4]
      %0: float32[4, 2, 3] = Transpose(x) perm=[2,0,1]
      %1: float32[4, 2, 3] = Relu(%0)
      %2: float32[2, 3, 4] = Relu(x)
      y <- %1
      z <- %2"
    `);
  });

  test("takes no two dropouts for one", () => {
    const x = input([4]);
    expect(nodes(prune(graph({ x }, { y: add(dropout(x, 0.5), dropout(x, 0.5)) }))).length).toBe(3);
  });

  test("does not move a number of a net", async () => {
    const { g, weights } = net();
    const feeds = new Map([...weights, ...picture]);
    const [before, after] = [await once(g, feeds), await once(prune(lower(g)), feeds)];
    expect(difference(before.get("out")!, after.get("out")!)).toBe(0);
  });
});

describe("constant parts", () => {
  test("are what does not depend on the fed inputs", () => {
    const [x, w, s] = [input([2, 3]), input([3, 4]), input([4])];
    const folded = mul(w, sqrt(s));
    const { prepare, main } = splitConstantPart(
      graph({ x, w, s }, { y: add(matMul(x, folded), s), t: exp(s) }),
      (name) => name === "x",
    );
    expect(printGraph(prepare)).toMatchInlineSnapshot(`
      "w: float32[3, 4]
      s: float32[4]
      %0: float32[4] = Sqrt(s)
      %1: float32[3, 4] = Mul(w, %0)
      %2: float32[4] = Exp(s)
      prepared.0 <- %1
      prepared.1 <- %2"
    `);
    expect(printGraph(main)).toMatchInlineSnapshot(`
      "x: float32[2, 3]
      s: float32[4]
      prepared.0: float32[3, 4]
      prepared.1: float32[4]
      %0: float32[2, 4] = MatMul(x, prepared.0)
      %1: float32[2, 4] = Add(%0, s)
      y <- %1
      t <- prepared.1"
    `);
  });

  test("are left alone where they would swell", () => {
    const [x, b] = [input([64, 8192]), input([8192])];
    const { prepare, main } = splitConstantPart(
      graph({ x, b }, { y: mul(x, expandTo(exp(b), [64, 8192])) }),
      (name) => name === "x",
    );
    expect(nodes(prepare).map(({ op }) => op.name)).toEqual(["Exp"]);
    expect(nodes(main).map(({ op }) => op.name)).toEqual(["Expand", "Mul"]);
  });

  test("are none where everything is fed", () => {
    const x = input([2]);
    const { prepare, main } = splitConstantPart(graph({ x }, { y: exp(x) }), () => true);
    expect([prepare.inputs.size, prepare.outputs.size]).toEqual([0, 0]);
    expect(nodes(main).length).toBe(1);
  });
});

describe("bake", () => {
  test("leaves the picture as the only input and computes the same", async () => {
    const { g, weights } = net();
    const baked = await bake(await runtime(), g, weights);
    expect([...baked.inputs.keys()]).toEqual(["images"]);
    const expected = (await once(g, new Map([...weights, ...picture]))).get("out")!;
    const largest = Math.max(...toFloat32(expected).map(Math.abs));
    expect(difference((await once(baked, picture)).get("out")!, expected)).toBeLessThan(2e-6 * largest);
  });

  test("folds batch norm, the position-bias table and the scale away", async () => {
    const { g, weights } = net();
    const baked = await bake(await runtime(), g, weights);
    for (const name of ["Gather", "Relu", "Exp"]) expect([count(g, name), count(baked, name)], name).toEqual([1, 0]);
    // Those of batch norm are gone; two roots of the attention's norms stay.
    expect([count(g, "Sqrt"), count(baked, "Sqrt")]).toEqual([3, 2]);
    expect(count(baked, "Reciprocal")).toBe(0);
  });

  test("keeps the names of weights in the file", async () => {
    const { g, weights } = net();
    const text = new TextDecoder("latin1").decode(toOnnx(await bake(await runtime(), g, weights)));
    for (const name of ["head.weight", "head.bias", "qkv.weight", "prepared.0"]) expect(text).toContain(name);
    expect(text).not.toContain("conv.weight");
  });
});

describe("half", () => {
  const baked = async () => {
    const { g, weights } = net();
    return bake(await runtime(), g, weights);
  };

  test("agrees with float32 to half's digits, from float32 to float32", async () => {
    const full = await baked();
    const halved = half(full);
    const [expected, got] = [await once(full, picture), await once(halved, picture)];
    expect(got.get("out")!.dtype).toBe("float32");
    const largest = Math.max(...toFloat32(expected.get("out")!).map(Math.abs));
    const worst = difference(got.get("out")!, expected.get("out")!);
    expect(worst / largest).toBeLessThan(1e-2);
    expect(worst).toBeGreaterThan(0);
  });

  test("takes and gives halves with keepIo false", async () => {
    const halved = half(await baked(), { keepIo: false });
    expect([...halved.inputs.values()].map(({ dtype }) => dtype)).toEqual(["float16"]);
    expect([...halved.outputs.values()].map(({ dtype }) => dtype)).toEqual(["float16"]);
    const images = hostArray("float16", [1, 3, 8, 8]);
    expect((await once(halved, new Map([["images", images]]))).get("out")!.dtype).toBe("float16");
  });

  test("halves the file", async () => {
    const x = input([1, 64]);
    const g = graph({ x }, { y: matMul(x, floats(new Float32Array(64 * 256).fill(0.5), [64, 256])) });
    expect(toOnnx(half(g)).length).toBeLessThan(0.51 * toOnnx(g).length);
  });

  test("keeps float32 where halves overflow or vanish, and their neighbours' numbers", async () => {
    const x = input([4]);
    const tiny = div(x, max(sqrt(reduceSum(square(x), { axes: [0], keepDims: true })), scalar(1e-12)));
    const mask = softmax(add(x, floats([0, -1e9, 0, Number.NEGATIVE_INFINITY])));
    const padded = pad(x, [[1, 0]], Number.NEGATIVE_INFINITY);
    const g = graph({ x }, { tiny, mask, padded });
    const feeds = new Map([["x", hostArray("float32", [4], Float32Array.of(300, 400, 0, 0))]]);
    const got = await once(half(g), feeds);
    expect([...got.get("tiny")!.data].map((v) => Number(v).toFixed(2))).toEqual(["0.60", "0.80", "0.00", "0.00"]);
    expect([...got.get("mask")!.data]).toEqual([1, 0, 0, 0]);
    expect([...got.get("padded")!.data]).toEqual([Number.NEGATIVE_INFINITY, 300, 400, 0, 0]);
    const zeros = await once(half(g), new Map([["x", hostArray("float32", [4])]]));
    expect([...zeros.get("tiny")!.data]).toEqual([0, 0, 0, 0]);
  });

  test("keeps what it is told to keep", async () => {
    const x = input([2]);
    const g = half(graph({ x }, { y: mul(sigmoid(x), scalar(640)) }), { keep: ({ op }) => op.name === "Mul" });
    expect(printGraph(g)).toMatchInlineSnapshot(`
      "x: float32[2]
      %0: float16[2] = Cast(x) to="float16"
      %1: float16[2] = Sigmoid(%0)
      %2: float32[2] = Cast(%1) to="float32"
      %3: float32[2] = Mul(%2, 640)
      y <- %3"
    `);
  });
});
