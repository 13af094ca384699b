import { accuracy, classConfusion, likeliest, softmaxRows } from "swinyolo/engine";
import { floats, graph, input } from "swinyolo/graph";
import { crossEntropy } from "swinyolo/nn";
import { expect, test } from "vitest";
import { numericGradients, once } from "../graph/numeric.js";

const soft = Float32Array.of(0.025, 0.025, 0.925, 0.025, 0.1, 0.4, 0.3, 0.2);

test("gradients of cross entropy with soft targets equal central differences", async () => {
  const f = (logits: Parameters<typeof crossEntropy>[0]) => crossEntropy(logits, floats(soft, [2, 4]));
  const [{ numeric, analytic }] = await numericGradients([
    { name: "crossEntropy", inputs: [{ shape: [2, 4], numbers: "distinct" }], f },
  ]);
  numeric[0].forEach((value, i) => {
    expect(Math.abs(analytic[0][i] - value)).toBeLessThan(1e-3);
  });
});

test("values: ln 4 for equal logits; smoothing is part of the targets; large logits stay finite", async () => {
  const lossOf = async (logits: number[], targets: Float32Array) => {
    const y = crossEntropy(floats(Float32Array.from(logits), [2, 4]), floats(targets, [2, 4]));
    const results = await once(graph({ unused: input([1]) }, { y }), new Map());
    return (results.get("y")!.data as Float32Array)[0];
  };
  const hard = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 1);
  expect(await lossOf([3, 3, 3, 3, -1, -1, -1, -1], soft)).toBeCloseTo(Math.log(4), 5);
  // (1 - 0.1) NLL + 0.1 mean(-log p), p = softmax(1, 0, 0, 0)
  const smooth = Float32Array.of(0.925, 0.025, 0.025, 0.025, 0.925, 0.025, 0.025, 0.025);
  const z = Math.log(Math.E + 3);
  expect(await lossOf([1, 0, 0, 0, 1, 0, 0, 0], smooth)).toBeCloseTo(0.9 * (z - 1) + 0.1 * (z - 0.25), 5);
  expect(await lossOf([1000, 0, 0, 0, -1000, -1000, -1000, 1000], hard)).toBeCloseTo(0, 5);
});

test("top-1, top-5 and confusions are counted", () => {
  const results = [
    { probabilities: Float32Array.of(0.5, 0.2, 0.1, 0.1, 0.06, 0.04), label: 0 },
    { probabilities: Float32Array.of(0.5, 0.2, 0.1, 0.1, 0.06, 0.04), label: 4 },
    { probabilities: Float32Array.of(0.5, 0.2, 0.1, 0.1, 0.06, 0.04), label: 5 },
  ];
  expect(accuracy(results)).toEqual({ top1: 1 / 3, top5: 2 / 3 });
  expect(accuracy([])).toEqual({ top1: 0, top5: 0 });
  expect([...classConfusion(6, results)].slice(0, 6)).toEqual([1, 0, 0, 0, 1, 1]);
  expect(likeliest(Float32Array.of(0.2, 0.5, 0.2, 0.1), 3)).toEqual([1, 0, 2]);
  const [row] = softmaxRows(Float32Array.of(0, Math.log(3)), 2);
  expect(row[1]).toBeCloseTo(0.75, 6);
});
