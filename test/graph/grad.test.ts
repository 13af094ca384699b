import {
  add,
  cast,
  dropout,
  exp,
  floats,
  gather,
  grad,
  graph,
  greater,
  hostArray,
  input,
  mul,
  nodes,
  nodesOf,
  reduceSum,
  relu,
  scalar,
  sigmoid,
  square,
  type Tensor,
} from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { once } from "./numeric.js";

const numbersOf = async (
  outputs: Record<string, Tensor>,
  feeds: Record<string, number[]>,
  inputs: Record<string, Tensor>,
) => {
  const arrays = new Map(
    Object.entries(feeds).map(([name, data]) => [name, hostArray("float32", [data.length], Float32Array.from(data))]),
  );
  const result = await once(graph(inputs, outputs), arrays);
  return Object.fromEntries([...result].map(([name, { data }]) => [name, [...data].map(Number)]));
};

describe("grad", () => {
  test("adds up over all ways", async () => {
    const x = input([2]);
    const y = add(mul(x, x), mul(x, scalar(3)));
    expect(await numbersOf({ dx: grad(reduceSum(y), [x])[0] }, { x: [1, 2] }, { x })).toEqual({ dx: [5, 7] });
  });

  test("of several outputs, each with its seed", async () => {
    const x = input([2]);
    const [dx] = grad([square(x), exp(x)], [x], [floats([1, 10]), floats([0, 0])]);
    expect(await numbersOf({ dx }, { x: [3, 4] }, { x })).toEqual({ dx: [6, 80] });
  });

  test("for values on the way, for the output itself, and zeros for what it does not need", async () => {
    const [x, z] = [input([2]), input([2])];
    const a = mul(x, scalar(2));
    const y = square(a);
    const [da, dy, dz] = grad(y, [a, y, z]);
    const found = await numbersOf({ da, dy, dz }, { x: [1, 2] }, { x });
    expect(found).toEqual({ da: [4, 8], dy: [1, 1], dz: [0, 0] });
  });

  test("of a gradient", async () => {
    const x = input([2]);
    const [dx] = grad(reduceSum(mul(mul(x, x), x)), [x]);
    const [ddx] = grad(reduceSum(dx), [x]);
    expect(await numbersOf({ ddx }, { x: [1, 2] }, { x })).toEqual({ ddx: [6, 12] });
  });

  test("ends at whole numbers and comparisons", async () => {
    const x = input([2]);
    const y = mul(x, cast(greater(x, scalar(1.5)), "float32"));
    expect(await numbersOf({ dx: grad(y, [x])[0] }, { x: [1, 2] }, { x })).toEqual({ dx: [0, 1] });
  });

  test("makes nothing for inputs that nobody asked about", () => {
    const [x, w] = [input([4, 4]), input([4, 4])];
    const dx = grad(reduceSum(mul(sigmoid(x), exp(w))), [x])[0];
    expect(nodesOf([dx]).filter(({ op }) => op.name === "Exp").length).toBe(1);
    const dw = grad(reduceSum(mul(sigmoid(x), exp(w))), [w])[0];
    expect(nodesOf([dw]).filter(({ op }) => op.name === "Sigmoid").length).toBe(1);
    expect(nodesOf([dw]).length).toBeLessThan(8);
  });

  test("says which operator has no gradient", () => {
    const x = input([4]);
    expect(() => grad(dropout(x, 0.5), [x])).toThrow("Dropout has no gradient");
    const index = input([2], { dtype: "int64" });
    expect(() => grad(gather(dropout(x, 0.5), index), [x])).toThrow("Dropout has no gradient");
  });
});

describe("graph", () => {
  test("takes only the inputs it needs, in the order given", () => {
    const [a, b, c] = [input([1]), input([1]), input([1])];
    expect([...graph({ c, b, a }, { y: add(a, c) }).inputs.keys()]).toEqual(["c", "a"]);
  });

  test("refuses an input it was not given", () => {
    const [a, b] = [input([1]), input([1], { label: "b" })];
    expect(() => graph({ a }, { y: add(a, b) })).toThrow("a graph rests on an input it was not given: b");
  });

  test("of many thousand nodes is no depth", () => {
    const x = input([1]);
    let y = x;
    for (let i = 0; i < 20000; i++) y = relu(y);
    expect(nodes(graph({ x }, { y })).length).toBe(20000);
    expect(nodesOf(grad(y, [x])).length).toBeGreaterThan(40000);
  });
});
