import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as swinyolo from "swinyolo/graph";
import {
  grad,
  graph,
  hostArray,
  input,
  leakyRelu,
  maxPool,
  mul,
  nodesOf,
  type Op,
  relu,
  square,
  stopGradient,
  type Tensor,
} from "swinyolo/graph";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../paths.js";
import { numericGradients, once, type Verdict } from "./numeric.js";
import { cases } from "./table.js";

describe("gradients equal central differences", () => {
  let verdicts: Verdict[] = [];
  beforeAll(async () => {
    verdicts = await numericGradients(cases);
  });

  test.each(cases.map(({ name }, i) => [name, i] as const))("%s", (_, i) => {
    const { numeric, analytic } = verdicts[i];
    numeric.forEach((expected, j) => {
      const largest = Math.max(1, ...expected.map(Math.abs));
      expected.forEach((value, k) => {
        expect(
          Math.abs(analytic[j][k] - value),
          `input ${j}, number ${k}: ${analytic[j][k]} for ${value}`,
        ).toBeLessThan(1e-3 * largest);
      });
    });
  });
});

describe("the table has every operator", () => {
  const isOp = (value: unknown): value is Op =>
    typeof value === "object" && value !== null && "name" in value && "infer" in value;

  test("that has a gradient and is exported", () => {
    const xs = cases.map(({ inputs, f }) => f(...inputs.map(({ shape }) => input(shape))));
    const seen = new Set(nodesOf(xs).map(({ op }) => op));
    const missing = Object.values(swinyolo).filter((value) => isOp(value) && value.vjp && !seen.has(value));
    expect(missing.map((op) => (op as Op).name)).toEqual([]);
  });

  test("because none is kept back", () => {
    const folder = join(root, "src/graph/ops");
    const declared = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), "utf8").matchAll(/^(?:export )?const \[?(\w+Op)\b/gm)].map(
        ([, name]) => name,
      ),
    );
    expect(declared.length).toBeGreaterThan(50);
    expect(declared.filter((name) => !(name in swinyolo))).toEqual([]);
  });
});

describe("where differences say nothing", () => {
  const gradientOf = async (f: (x: Tensor) => Tensor, shape: number[], data: number[]) => {
    const x = input(shape);
    const [dx] = grad(f(x), [x]);
    const feeds = new Map([["x", hostArray("float32", shape, Float32Array.from(data))]]);
    const result = await once(graph({ x }, { dx, y: x }), feeds);
    return [...(result.get("dx")!.data as Float32Array)];
  };

  test("StopGradient lets none through", async () => {
    expect(await gradientOf((x) => mul(x, stopGradient(x)), [3], [1, 2, 3])).toEqual([1, 2, 3]);
  });

  test("Relu and LeakyRelu at 0 are PyTorch's: the gradient of the negative side", async () => {
    expect(await gradientOf(relu, [3], [-1, 0, 1])).toEqual([0, 0, 1]);
    expect(await gradientOf((x) => leakyRelu(x, 0.25), [3], [-1, 0, 1])).toEqual([0.25, 0.25, 1]);
  });

  test("MaxPool gives all to the first of equal numbers in row order", async () => {
    const equal = new Array(9).fill(5);
    const pooled = (x: Tensor) => maxPool(x, [2, 2], { strides: [1, 1] });
    expect(await gradientOf(pooled, [1, 1, 3, 3], equal)).toEqual([1, 1, 0, 1, 1, 0, 0, 0, 0]);
    const padded = (x: Tensor) => maxPool(x, [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] });
    expect(await gradientOf(padded, [1, 1, 3, 3], equal)).toEqual([1, 1, 0, 1, 1, 0, 0, 0, 0]);
    // Row order: the 2 of the first row comes before the 2 below and left of it.
    expect(await gradientOf((x) => maxPool(x, [2, 2]), [1, 1, 2, 2], [1, 2, 2, 0])).toEqual([0, 1, 0, 0]);
  });

  test("a tensor that the output does not need has a gradient of zeros", async () => {
    const [x, z] = [input([2]), input([200])];
    const [dz] = grad(square(x), [z]);
    const result = await once(graph({ x, z }, { dz }), new Map());
    expect([...(result.get("dz")!.data as Float32Array)]).toEqual(new Array(200).fill(0));
  });
});
