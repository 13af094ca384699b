import { rng } from "swinyolo/data";
import {
  adjustLossScale,
  checkHalf,
  classifierStep,
  createForward,
  createState,
  createTraining,
  Detector,
  freshLossScale,
  type LossScale,
  pretrainStepGraph,
  stepGraph,
  train,
} from "swinyolo/engine";
import { hostArray, nodes } from "swinyolo/graph";
import { buildModel, buildSwinClassifier, initialState, namedParams, simmim } from "swinyolo/nn";
import { describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { furthest, tiny, trained } from "./tinyTraining.js";

// The CPU has hardly an operator for halves: ONNX Runtime computes them in float32 and rounds every result, which is what
// these tests need.
const swin = { embedDim: 16, depths: [1, 1], heads: [1, 2], window: 4, imageSize: 16, normStart: 1 };

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

  const classifier = buildSwinClassifier(swin, { classes: 3 });
  const hiding = simmim(buildSwinClassifier(swin, { classes: 0 }));
  const saving = { accumulate: 2, recompute: "block" } as const;
  const random = rng(2);
  const pictures = [2, 3, 16, 16];
  const drawn = (shape: readonly number[], next = () => random.normal()) =>
    hostArray("float32", shape, Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, next));
  const cases = {
    classifier: {
      module: classifier.module,
      feeds: { images: drawn(pictures), targets: hostArray("float32", [2, 3], Float32Array.of(1, 0, 0, 0, 0.5, 0.5)) },
      graph: (learned: readonly string[], half: boolean) =>
        classifierStep(classifier, { batch: 2, learned, half, ...saving }),
    },
    simmim: {
      module: hiding.module,
      // Targets that nothing made comes near: the gradient of a distance jumps there.
      feeds: {
        images: drawn(pictures),
        target: drawn(pictures, () => 6 * random.int(2) - 3),
        mask: drawn([2, 4, 4], () => random.int(2)),
      },
      graph: (learned: readonly string[], half: boolean) =>
        pretrainStepGraph(hiding, { images: pictures, learned, half, ...saving }),
    },
  };

  test.each(["classifier", "simmim"] as const)("a step of %s goes the way of float32 too", async (name) => {
    const { module, feeds, graph } = cases[name];
    const ort = await runtime();
    const step = async (lossScale?: LossScale) => {
      const state = createState(module, initialState(module, rng(1)), { optimizer: "SGD" });
      const { steps, release } = await createTraining(ort, state, { lossScale, random: () => () => 0.5 });
      const made = await steps.run(state, new Map(Object.entries(feeds)), {
        key: name,
        iteration: 0,
        graph: (learned) => graph(learned, lossScale !== undefined),
      });
      await release();
      return { loss: (made.get("loss")!.data as Float32Array)[0], gradients: state.gradients };
    };
    const full = await step();
    const mixed = await step({ value: 1024, steps: 0 });
    expect(mixed.loss).not.toBe(full.loss);
    expect(Math.abs(mixed.loss / full.loss - 1)).toBeLessThan(0.02);
    for (const [group, vector] of Object.entries(full.gradients)) {
      const off = vector.map((value, i) => value - mixed.gradients[group][i]);
      expect(Math.hypot(...off), group).toBeLessThan(0.02 * Math.hypot(...vector));
    }
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
