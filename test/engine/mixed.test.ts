import { rng } from "swinyolo/data";
import {
  adjustLossScale,
  checkHalf,
  createForward,
  createState,
  Detector,
  freshLossScale,
  stepGraph,
  train,
} from "swinyolo/engine";
import { hostArray, nodes } from "swinyolo/graph";
import { buildModel, initialState, namedParams } from "swinyolo/nn";
import { describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { furthest, tiny, trained } from "./tinyTraining.js";

// The CPU has hardly an operator for halves: ONNX Runtime computes them in float32 and rounds every result, which is what
// these tests need.
describe("mixed precision", () => {
  for (const resident of [false, true]) {
    test(`goes the way of float32 (state on the ${resident ? "device" : "host"})`, async () => {
      const full = await trained("SGD", { device: "cpu", resident });
      const mixed = await trained("SGD", { device: "cpu", resident, lossScale: { value: 1024, steps: 0 } });
      mixed.losses.forEach((value, i) => {
        expect(Math.abs(value / full.losses[i] - 1)).toBeLessThan(0.02);
      });
      expect(mixed.losses[0]).not.toBe(full.losses[0]);
      const moved = furthest(mixed.state, full.state);
      expect(moved).toBeGreaterThan(0);
      expect(moved).toBeLessThan(0.02);
    });

    test(`a step whose gradients overflow changes nothing (state on the ${resident ? "device" : "host"})`, async () => {
      const { losses, state } = await trained("SGD", {
        device: "cpu",
        resident,
        lossScale: { value: 2 ** 40, steps: 0 },
      });
      expect([losses[2], losses[5]].some(Number.isFinite)).toBe(false);
      expect(state.steps).toBe(0);
      const model = buildModel(tiny);
      const start = createState(model.module, initialState(model.module, rng(1)), { optimizer: "SGD" });
      for (const [name, vector] of start.vectors) {
        if (name !== "buffer.ema") expect(state.vectors.get(name)).toEqual(vector);
      }
    });
  }

  test("the network computes in halves; the loss, softmax, sums, roots and exponentials do not", () => {
    const model = buildModel(tiny);
    const learned = [...namedParams(model.module)].filter(([, { kind }]) => kind === "parameter").map(([name]) => name);
    const loss = { box: 0.05, obj: 1, cls: 0.5, cls_pw: 1, obj_pw: 1, fl_gamma: 0, label_smoothing: 0 };
    const options = { loss, anchorT: 4, lossScale: freshLossScale() };
    const { graph } = stepGraph({ model, learned, images: [2, 3, 32, 32], capacity: 256, options });
    const kinds = new Map<string, Set<string>>();
    for (const { op, outputs } of nodes(graph)) {
      kinds.set(op.name, (kinds.get(op.name) ?? new Set()).add(outputs[0].dtype));
    }
    for (const name of ["Conv", "MatMul"]) expect([...kinds.get(name)!]).toEqual(["float16"]);
    for (const name of ["Softmax", "ReduceSum", "Sqrt", "Exp", "Atan"])
      expect([...kinds.get(name)!]).toEqual(["float32"]);
    for (const [name, { dtype }] of graph.outputs) expect([name, dtype]).toEqual([name, "float32"]);
  });

  test("the factor on the loss halves on overflow and doubles after 2,000 good steps", () => {
    const scale = freshLossScale();
    expect(adjustLossScale(scale, false)).toBe(true);
    expect(scale.value).toBe(32_768);
    for (let i = 0; i < 2000; i++) adjustLossScale(scale, true);
    expect(scale.value).toBe(65_536);
    expect([...Array(17).keys()].map(() => adjustLossScale(scale, false)).at(-1)).toBe(false);
  });

  test("a detector in halves finds boxes where it does in float32", async () => {
    const model = buildModel(tiny);
    const weights = initialState(model.module, rng(1));
    const random = rng("picture");
    const images = hostArray(
      "uint8",
      [1, 3, 64, 64],
      Uint8Array.from({ length: 3 * 64 * 64 }, () => random.int(256)),
    );
    const [full, halves] = await Promise.all(
      [false, true].map(async (half) => {
        const forward = createForward(await runtime(), model, { weights, half, threads: 1 });
        const { rows } = await forward.run(images);
        await forward.release();
        return rows.data as Float32Array;
      }),
    );
    const most = Math.max(...full.map((value, i) => Math.abs(value - halves[i])));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(0.2);
  });

  test("the CPU is refused", async () => {
    await expect(checkHalf(await runtime(), "cpu")).rejects.toThrow(
      "half=true needs a device that computes in float16",
    );
    const run = async () => {
      for await (const _ of train({ model: "yolov5n", data: "none.yaml", half: true })) break;
    };
    await expect(run()).rejects.toThrow("half=true needs a device that computes in float16");
    const load = (file: string) => Detector.load(file, { half: true });
    await expect(load("w.safetensors")).rejects.toThrow("half=true needs a device that computes in float16");
    await expect(load("w.onnx")).rejects.toThrow("half=true: w.onnx has its numbers already");
  });
});
