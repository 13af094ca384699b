import {
  compile,
  graph,
  hostArray,
  input,
  matMul,
  mul,
  planSession,
  reshape,
  softmax,
  sub,
  type Tensor,
  transpose,
} from "swinyolo/graph";
import { expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { distinct } from "./numeric.js";

const x = input([4, 6, 8]);
const w = input([8, 8]);
// Turned, flattened and cut anew, with a batch that a reshape moves into rows.
const rows = reshape(transpose(x, [1, 0, 2]), [24, 8]);
const product: Tensor = softmax(reshape(matMul(rows, w), [6, 4, 8]));
const g = graph({ x, w }, { y: mul(product, sub(reshape(rows, [6, 4, 8]), product)) });

test("a graph whose first axes are left unsaid gives the same numbers", async () => {
  const feeds = new Map([
    ["x", hostArray("float32", [4, 6, 8], distinct(192, 1))],
    ["w", hostArray("float32", [8, 8], distinct(64, 2))],
  ]);
  const results = [];
  for (const open of [undefined, ["x"]]) {
    const program = await compile(await runtime(), g, { open });
    results.push((await program.run(feeds)).get("y"));
    await program.release();
  }
  expect(results[1]).toEqual(results[0]);
});

test("and its values keep no buffers for later ones of the same shape", () => {
  const [a, widen, narrow] = [input([100, 100]), input([100, 1000]), input([1000, 100])];
  const twice = (t: Tensor) => softmax(softmax(t));
  // Two small values, two large ones, two small ones again.
  const y = twice(matMul(softmax(matMul(twice(a), widen)), narrow));
  const chain = graph({ a, widen, narrow }, { y });
  expect(planSession(chain).held).toBe(2 * 400_000 + 2 * 40_000);
  expect(planSession(chain, { open: ["a"] }).held).toBe(2 * 400_000);
});
