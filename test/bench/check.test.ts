import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGradients, createState, gradientViews, loadRuntime, readSafetensors } from "swinyolo/engine";
import { type HostArray, hostArray, maxPoolOp, mul, type Op, scalar } from "swinyolo/graph";
import { buildModel } from "swinyolo/nn";
import { afterAll, describe, expect, test } from "vitest";
import { agreement, tolerance } from "../../bench/agree.js";
import { checkSides, movedName } from "../../bench/check.js";
import type { Contender, Present } from "../../bench/contenders.js";
import { nudged } from "../../bench/nudge.js";
import { type CaseFile, writeCase } from "../../bench/prepare.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

const side = (name: string): Present => ({ name, command: () => ({ name, program: "", args: [] }) });
const tensors = (values: Record<string, number>): Map<string, HostArray> =>
  new Map(Object.entries(values).map(([name, value]) => [name, hostArray("float32", [], Float32Array.of(value))]));

/** Checks sides whose gradient on pictures n is the n-th of a list, ours moving by the n-th of another. */
function check(moved: number[], others: Record<string, number[]>, extra: readonly Contender[] = []) {
  const tried: number[] = [];
  const results = async ({ name }: Present, file: string) => {
    const n = Number(file);
    if (name === "ours") tried.push(n);
    return name === "ours"
      ? tensors({ "grad.w": 1, [movedName]: moved[n] ?? 1 })
      : tensors({ "grad.w": others[name][n] });
  };
  const contenders = [side("ours"), ...Object.keys(others).map(side), ...extra] as const;
  return checkSides(contenders, { name: "m 1x320", write: async (n) => String(n), results }).then((found) => ({
    file: found.file,
    moved: found.moved,
    names: found.checked.map((one) => ("contender" in one ? one.contender.name : one.missing)),
    tried,
  }));
}

describe("sides are compared", () => {
  test("on the first pictures, where rounding leaves our gradients alone", async () => {
    expect(await check([1e-4], { peer: [1.0001] })).toEqual({
      file: "0",
      moved: expect.closeTo(1e-4),
      names: ["peer"],
      tried: [0],
    });
  });

  test("on later ones, where it moves them on the first, whatever the peer has there", async () => {
    expect(await check([0.02, Number.NaN, 1e-4], { peer: [1, 1, 1] })).toMatchObject({ file: "2", tried: [0, 1, 2] });
  });

  test("once more where a tie was left", async () => {
    expect(await check([1e-4, 0.02, 1e-4], { peer: [1.01, 1, 1] })).toMatchObject({ file: "2" });
  });

  test("and what is wrong differs on them all", async () => {
    await expect(check([1e-4, 0.02, 1e-4], { peer: [1.002, 1, 1.002] })).rejects.toThrow(
      "m 1x320, peer: it does not compute the same: grad.w is off by 2.0e-3 of its largest value, 0.001 is allowed",
    );
    // Also where no other pictures are steady.
    await expect(check([1e-4], { peer: [1.002] })).rejects.toThrow("grad.w is off by 2.0e-3");
  });

  test("never on pictures that say nothing", async () => {
    await expect(check([], { peer: [] })).rejects.toThrow(
      "rounding alone moves our gradients too far on all of 16 pictures",
    );
  });

  test("not at all where there is nobody to compare with", async () => {
    expect(await check([], {}, [{ name: "peer", missing: "no peer" }])).toMatchObject({
      names: ["no peer"],
      tried: [],
    });
  });
});

test("nudged weights are some units in the last place off, and nothing else is", () => {
  const weights = new Map([
    ["a.weight", hostArray("float32", [3], Float32Array.of(1, -1, 0))],
    ["a.bias", hostArray("float32", [1], Float32Array.of(1))],
  ]);
  const found = nudged(weights, 0);
  expect(found.get("a.bias")).toBe(weights.get("a.bias"));
  const [up, down, zero] = found.get("a.weight")!.data as Float32Array;
  for (const one of [up, -down]) expect([4 * 2 ** -23, -4 * 2 ** -24]).toContain(one - 1);
  expect(zero).toBe(0);
});

const small = `
nc: 2
anchors: [[10, 13, 16, 30, 33, 23]]
backbone:
  - [-1, 1, Conv, [16, 6, 4, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, SPPF, [32, 5]]
head:
  - [[-1], 1, Detect, [nc, anchors]]
`;

test("a gradient that is wrong in a max-pool alone is far outside of what rounding does", async () => {
  const file = join(folder, "small.yaml");
  writeFileSync(file, small);
  const shape = { kind: "train", model: file, batch: 2, size: 128 } as const;
  const one: CaseFile = JSON.parse(
    readFileSync(await writeCase(shape, { folder, threads: 1, waiting: "passive" }), "utf8"),
  );
  const read = (await readSafetensors(one.tensors)).tensors;
  const weights = new Map(
    [...read].flatMap(([name, array]) => (name.startsWith("state.") ? [[name.slice(6), array]] : [])) as [
      string,
      HostArray,
    ][],
  );
  const batch = { images: read.get("input.images")!, targets: read.get("input.targets")!.data as Float32Array };
  const model = buildModel(one.yaml);
  const runtime = await loadRuntime();
  const gradients = () => {
    const made = createGradients(runtime, model, {
      threads: 1,
      loss: one.loss,
      anchorT: one.anchorT,
      recompute: "none",
    });
    return async (from: ReadonlyMap<string, HostArray>) => {
      const state = createState(model.module, from, { optimizer: "SGD" });
      await made.run(state, batch, { balance: one.balance, iteration: 0 });
      return new Map([...gradientViews(state, state.gradients)].map(([name, array]) => [`grad.${name}`, array]));
    };
  };
  const right = gradients();
  const ours = await right(weights);
  expect(agreement(await right(nudged(weights, 0)), ours).worst).toBeLessThan(tolerance);
  const op = maxPoolOp as { vjp: Op["vjp"] };
  const vjp = op.vjp!;
  op.vjp = ([dy], ...rest) => vjp([dy && mul(dy, scalar(1.01))], ...rest);
  try {
    expect(agreement(await gradients()(weights), ours).worst).toBeGreaterThan(3 * tolerance);
  } finally {
    op.vjp = vjp;
  }
});
