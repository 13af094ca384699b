import { type HostArray, hostArray } from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { agreement, tolerance } from "../../bench/agree.js";

const tensors = (values: Record<string, number[]>): Map<string, HostArray> =>
  new Map(Object.entries(values).map(([name, v]) => [name, hostArray("float32", [v.length], Float32Array.from(v))]));

describe("two sides", () => {
  test.each([
    ["equal", { rows: [1, 2] }, { rows: [1, 2] }, 0],
    ["apart by a tenth of the largest", { rows: [1, 2] }, { rows: [1.2, 2] }, 0.1],
    ["a tensor less", { rows: [1] }, { rows: [1], maps: [1] }, Infinity],
    ["a tensor more", { rows: [1], maps: [1] }, { rows: [1] }, Infinity],
    ["another shape", { rows: [1] }, { rows: [1, 1] }, Infinity],
    ["a NaN before the end", { rows: [Number.NaN, 1] }, { rows: [1, 1] }, Infinity],
    ["a NaN in a later tensor", { rows: [2], more: [Number.NaN] }, { rows: [1], more: [1] }, Infinity],
    ["something where nothing should be", { rows: [1e-9] }, { rows: [0] }, Infinity],
  ])("%s", (_, a, b, worst) => {
    expect(agreement(tensors(a), tensors(b)).worst).toBeCloseTo(worst, 6);
  });

  test("rounding in gradients beside far larger ones is nothing, a wrong gradient is", () => {
    const a = { "grad.w": [5], "grad.shift": [3e-7], "after.shift": [3e-9] };
    const b = { "grad.w": [5], "grad.shift": [-2e-7], "after.shift": [-2e-9] };
    expect(agreement(tensors(a), tensors(b), { lr: 0.01 }).worst).toBeLessThan(tolerance);
    expect(agreement(tensors({ "grad.w": [5], "grad.v": [0.1] }), tensors({ "grad.w": [5], "grad.v": [0.2] }))).toEqual(
      {
        compared: 2,
        worst: expect.closeTo(0.5),
        where: "grad.v",
      },
    );
  });

  test("an update that was left out is far", () => {
    const a = { "grad.w": [5], "after.w": [1] };
    const b = { "grad.w": [5], "after.w": [0.9] };
    expect(agreement(tensors(a), tensors(b), { lr: 0.01 }).worst).toBeGreaterThan(tolerance);
  });
});
