import { rng } from "swinyolo/data";
import { compile, hostArray } from "swinyolo/graph";
import { averageGraph, averageOnHost, momentsOf, type OptimizerKind, updateGraph, updateOnHost } from "swinyolo/nn";
import { expect, test } from "vitest";
import { runtime } from "../runtime.js";

const length = 2;
const numbers = {
  lr: 0.02,
  decay: 0.05,
  momentum: 0.9,
  scale: 0.7,
  average: 0.6,
  correction1: 0.271,
  correction2: 0.002997,
};
const scalars = Object.entries(numbers).map(
  ([name, value]) => [name, hostArray("float32", [], Float32Array.of(value))] as const,
);

function vectorsOf(kind: OptimizerKind, seed: number) {
  const random = rng("update", seed);
  const vector = () => Float32Array.from({ length }, () => random.normal());
  const [w, g, m, ema] = [vector(), vector(), vector(), vector()];
  return { w, g, m, ema, ...(kind !== "SGD" && { v: vector().map(Math.abs) }) };
}

for (const kind of ["SGD", "Adam", "AdamW"] as const) {
  test(`${kind}: on the host as the graph`, async () => {
    const program = await compile(await runtime(), updateGraph(kind));
    for (const seed of [0, 1, 2, 3]) {
      const vectors = vectorsOf(kind, seed);
      const feeds = Object.entries(vectors).map(
        ([name, v]) => [name, hostArray("float32", [length], v.slice())] as const,
      );
      const made = await program.run(new Map([...scalars, ...feeds]));
      updateOnHost(kind, vectors, numbers);
      for (const name of ["w", "ema", ...momentsOf(kind)] as const) {
        const [ours, graphs] = [vectors[name as keyof typeof vectors]!, made.get(`${name}'`)!.data as Float32Array];
        ours.forEach((x, i) => {
          expect(Math.abs(x - graphs[i]), `${name} ${seed}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(graphs[i])));
        });
      }
    }
    await program.release();
  });
}

test("the average of a buffer: on the host as the graph", async () => {
  const program = await compile(await runtime(), averageGraph());
  const [w, ema] = [Float32Array.of(3, -2), Float32Array.of(1, 5)];
  const array = (v: Float32Array) => hostArray("float32", [length], v.slice());
  const feeds = [["w", array(w)] as const, ["ema", array(ema)] as const];
  const made = (await program.run(new Map([...scalars, ...feeds]))).get("ema'")!.data as Float32Array;
  averageOnHost(ema, w, numbers.average);
  ema.forEach((x, i) => {
    expect(x).toBeCloseTo(made[i], 5);
  });
  expect(ema[0]).toBeCloseTo(0.6 * 1 + 0.4 * 3, 5);
  await program.release();
});
