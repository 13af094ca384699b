import {
  add,
  exp,
  floats,
  type Graph,
  grad,
  graph,
  input,
  matMul,
  planMemory,
  printGraph,
  reduceSum,
  relu,
  reshape,
  sigmoid,
  silu,
  split,
  square,
  transpose,
} from "swinyolo/graph";
import { describe, expect, test } from "vitest";

const x = input([256]); // 1 KiB
const plan = (outputs: Record<string, ReturnType<typeof input>>) => planMemory(graph({ x }, outputs));

describe("planMemory", () => {
  test("a chain needs two values at a time", () => {
    const { activations, inputs, constants } = plan({ y: exp(exp(exp(exp(x)))) });
    expect([activations, inputs, constants]).toEqual([2048, 1024, 0]);
  });

  test("a value lives until its last reader", () => {
    const a = exp(x);
    // a, its successor b, and c made from b; then a + c.
    expect(plan({ y: add(a, exp(exp(a))) }).activations).toBe(3072);
  });

  test("outputs live to the end", () => {
    const a = exp(x);
    const b = exp(a);
    expect(plan({ a, b, c: exp(b) }).activations).toBe(3072);
  });

  test("a reshape takes nothing and keeps what it shows", () => {
    const a = exp(x);
    const shown = reshape(a, [16, 16]);
    expect(plan({ y: relu(shown) }).activations).toBe(2048);
    expect(plan({ y: add(reshape(exp(exp(exp(a))), [16, 16]), shown) }).activations).toBe(3072);
  });

  test("a part that nobody reads is there only while its node runs", () => {
    const [used] = split(exp(x), [64, 192], 0);
    // exp 1024 + both parts 1024, then 256 + 256.
    expect(plan({ y: exp(used) }).activations).toBe(2048);
  });

  test("composites count as what they are made of", () => {
    // sigmoid beside x (an input), then the product.
    expect(plan({ y: silu(x) }).activations).toBe(2048);
  });

  test("constants are counted once", () => {
    const w = floats(new Float32Array(256));
    expect(plan({ y: add(add(x, w), w) }).constants).toBe(1024);
  });

  test("names the node of the peak", () => {
    const wide = matMul(reshape(x, [16, 16]), floats(new Float32Array(16 * 64), [16, 64]));
    expect(plan({ y: reduceSum(exp(wide)) }).peakAt).toMatch(/^Exp_/);
  });

  test("a gradient keeps the way there", () => {
    const depth = (n: number) => {
      let y = x;
      for (let i = 0; i < n; i++) y = sigmoid(y);
      const loss = reduceSum(y);
      return planMemory(graph({ x }, { loss, dx: grad(loss, [x])[0] })).activations;
    };
    // Every further layer keeps one more value.
    expect(depth(6) - depth(5)).toBe(1024);
  });
});

describe("printGraph", () => {
  const print = (g: Graph) => printGraph(g);

  test("a line a node, inputs and outputs by name, scalars as numbers", () => {
    const [a, b] = [input([2, 3]), input([3])];
    const [p, q] = split(add(transpose(a, [1, 0]), reshape(b, [3, 1])), [1, 2], 0);
    expect(print(graph({ a, b }, { p, sum: reduceSum(q, { axes: [0] }) }))).toMatchInlineSnapshot(`
      "a: float32[2, 3]
      b: float32[3]
      %0: float32[3, 2] = Transpose(a) perm=[1,0]
      %1: float32[3, 1] = Reshape(b) shape=[3,1]
      %2: float32[3, 2] = Add(%0, %1)
      %3: float32[1, 2], %4: float32[2, 2] = Split(%2) sizes=[1,2] axis=0
      %5: float32[2] = ReduceSum(%4) axes=[0] keepDims=false
      p <- %3
      sum <- %5"
    `);
  });

  test("a gradient", () => {
    const a = input([2]);
    const loss = reduceSum(square(a));
    expect(print(graph({ a }, { loss, da: grad(loss, [a])[0] }))).toMatchInlineSnapshot(`
      "a: float32[2]
      %0: float32[2] = Mul(a, a)
      %1: float32[] = ReduceSum(%0) axes=[0] keepDims=false
      %2: float32[1] = Reshape(1) shape=[1]
      %3: float32[2] = Expand(%2) shape=[2]
      %4: float32[2] = Mul(%3, a)
      %5: float32[2] = Mul(%3, a)
      %6: float32[2] = Add(%4, %5)
      loss <- %1
      da <- %6"
    `);
  });
});
