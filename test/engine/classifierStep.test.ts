import { rng } from "swinyolo/data";
import { classifierStep, pretrainStepGraph, type SavingOptions } from "swinyolo/engine";
import { type Graph, type HostArray, hostArray, nodes, planMemory, toFloat32 } from "swinyolo/graph";
import { buildSwinClassifier, simmim } from "swinyolo/nn";
import { beforeAll, describe, expect, test } from "vitest";
import { once } from "../graph/numeric.js";

// Two stages of two blocks, windows of 4: shifted in the first, alone on their map in the second.
const small = buildSwinClassifier(
  { embedDim: 48, depths: [2, 2], heads: [3, 6], window: 4, imageSize: 32, dropPath: 0.3, normStart: 1 },
  { classes: 5 },
);

/** Numbers for every input, the same for every graph. */
const feedsOf = (g: Graph): Map<string, HostArray> =>
  new Map(
    [...g.inputs].map(([name, { shape }]) => {
      const random = rng(1, name);
      const length = shape.reduce((n, d) => n * d, 1);
      const norm = /norm\d?\.weight$/.test(name) ? 1 : name.endsWith("logit_scale") ? 2 : 0;
      const size = /^(images|targets?|dropout)/.test(name) ? 1 : 0.2;
      const numberAt = name === "mask" ? (i: number) => i % 2 : () => norm + size * random.normal();
      return [
        name,
        hostArray(
          "float32",
          shape,
          Float32Array.from({ length }, (_, i) => numberAt(i)),
        ),
      ];
    }),
  );

const hiding = simmim(buildSwinClassifier(small.config, { classes: 0 }));

// What each learns: the patch embedding, four blocks, the merge and the last norm; a head, or mask token and decoder.
const trunk = 2 + 2 + 4 * 17 + 3 + 2;
const tasks = {
  classifier: { learned: trunk + 2, step: (way: SavingOptions) => classifierStep(small, { batch: 2, ...way }) },
  simmim: {
    learned: trunk + 1 + 2,
    step: (way: SavingOptions) => pretrainStepGraph(hiding, { images: [2, 3, 32, 32], ...way }),
  },
};

const ways: SavingOptions[] = [
  { recompute: "block" },
  { recompute: "stage" },
  { sequential: 1 },
  { sequential: 2, parts: 2 },
  { recompute: "block", sequential: 1 },
  { recompute: "block", sequential: 2 },
  { recompute: "stage", sequential: 2, parts: 2 },
  { recompute: "cheap" },
];

describe.each(["classifier", "simmim"] as const)("a step of %s", (task) => {
  const { step, learned } = tasks[task];
  const plain = step({});
  let reference: Awaited<ReturnType<typeof once>>;
  beforeAll(async () => {
    reference = await once(plain.graph, feedsOf(plain.graph));
  });

  test.each(ways)("with %j has the loss and the gradients of the plain one", async (way) => {
    const saving = step(way);
    expect(saving.masks).toEqual(plain.masks);
    const got = await once(saving.graph, feedsOf(saving.graph));
    expect([...got.keys()]).toEqual([...reference.keys()]);
    expect(got.size).toBe(1 + learned);
    for (const [name, array] of reference) {
      const expected = toFloat32(array);
      const largest = Math.max(...expected.map(Math.abs));
      expect(largest, name).toBeGreaterThan(0);
      const found = toFloat32(got.get(name)!);
      const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i])), 0);
      expect(off, name).toBeLessThanOrEqual(1e-5 * largest);
    }
  });

  test("computes the attention of stages in parts, a head each, once more on the way back", () => {
    const softmaxes = (way: SavingOptions) => nodes(step(way).graph).filter(({ op }) => op.name === "Again").length;
    // Parts stay whole until the graph is lowered: 2 blocks of 3 heads, 2 blocks of 6 heads.
    expect(softmaxes({ sequential: 1 })).toBe(6);
    expect(softmaxes({ sequential: 2 })).toBe(18);
    expect(softmaxes({ sequential: 2, parts: 2 })).toBe(8);
  });
});

test("each switch takes its share of the planned memory", () => {
  const net = buildSwinClassifier(
    { embedDim: 96, depths: [2, 2], window: 16, imageSize: 256, normStart: 1 },
    { classes: 5 },
  );
  const activations = (way: SavingOptions) => planMemory(classifierStep(net, { batch: 1, ...way }).graph).activations;
  const [none, stage, block] = (["none", "stage", "block"] as const).map((recompute) => activations({ recompute }));
  const both = activations({ recompute: "block", sequential: 2 });
  expect(stage).toBeLessThan(0.85 * none);
  expect(block).toBeLessThan(0.75 * stage);
  expect(both).toBeLessThan(0.9 * block);
  expect(activations({ sequential: 2 })).toBeLessThan(0.85 * none);
});

test("a classifier without stages, and attention with dropout, are refused", () => {
  const other = { ...small, family: "other", config: undefined };
  expect(() => classifierStep(other, { batch: 1, recompute: "stage" })).toThrow(
    "a classifier of the family other has no stages: recompute=none or block, and no sequential",
  );
  const dropping = buildSwinClassifier({ ...small.config, attnDrop: 0.1 }, { classes: 5 });
  expect(() => classifierStep(dropping, { batch: 1, sequential: 1 })).toThrow("attn_drop");
});
