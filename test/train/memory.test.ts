import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rng } from "swinyolo/data";
import { createGradients, createState, estimateTraining, openModel, type Recompute } from "swinyolo/engine";
import { hostArray } from "swinyolo/graph";
import { defaultBalance } from "swinyolo/nn";
import { afterAll, expect, test } from "vitest";
import { root } from "../paths.js";
import { runtime } from "../runtime.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Two steps in a process of their own, which says how much memory it took at its peak.
const twoSteps = ({ model, batch, size, recompute }: Case) => `
import { readFileSync } from "node:fs";
const [engine, graph, nn] = await Promise.all(["engine", "graph", "nn"].map((part) => import("${pathToFileURL(root)}/dist/" + part + "/index.js")));
const runtime = await engine.loadRuntime();
const loaded = await engine.openModel({ model: "${model}.yaml", names: ["a", "b", "c"] });
const state = engine.createState(loaded.model.module, loaded.weights, { optimizer: "SGD" });
const loss = { box: 0.05, obj: 1, cls: 0.5, obj_pw: 1, cls_pw: 1, fl_gamma: 0, label_smoothing: 0 };
const gradients = engine.createGradients(runtime, loaded.model, { loss, anchorT: 4, recompute: "${recompute}" });
const optimizer = engine.hostOptimizer;
const shape = [${batch}, 3, ${size}, ${size}];
const images = graph.hostArray("uint8", shape, new Uint8Array(${batch * 3 * size * size}).fill(100));
const targets = Float32Array.from([0, 0, 0.5, 0.5, 0.2, 0.3]);
for (let iteration = 0; iteration < 2; iteration++) {
  await gradients.run(state, { images, targets }, { balance: nn.defaultBalance(3), iteration });
  await optimizer.step(state, { biasLr: 0.01, lr: 0.01, momentum: 0.9, weightDecay: 0, emaDecay: 0.5 });
}
process.stdout.write(/VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
`;

interface Case {
  readonly model: string;
  readonly batch: number;
  readonly size: number;
  readonly recompute: "none" | "row" | "cheap";
}

const cases: Case[] = [
  { model: "yolov5n", batch: 1, size: 320, recompute: "none" },
  { model: "yolov5s", batch: 4, size: 320, recompute: "none" },
  { model: "yolov5n-swinv2", batch: 4, size: 640, recompute: "none" },
  { model: "yolov5n-swinv2", batch: 4, size: 640, recompute: "row" },
];

test.skipIf(process.platform !== "linux").each(cases)(
  "$model, $batch x $size, recompute=$recompute: the plan is within 15 % of the peak measured",
  async (one) => {
    const { model } = await openModel({ model: `${one.model}.yaml`, names: ["a", "b", "c"] });
    const { training } = estimateTraining({ ...one, model, imgsz: [one.size, one.size] });
    const script = join(folder, "steps.mjs");
    writeFileSync(script, twoSteps(one));
    const measured = Number(execFileSync(process.execPath, [script], { encoding: "utf8" })) * 1024;
    console.log(
      `${JSON.stringify(one)}: planned ${(training / 1e6).toFixed(0)} MB, measured ${(measured / 1e6).toFixed(0)} MB`,
    );
    expect(Math.abs(training / measured - 1)).toBeLessThan(0.15);
  },
);

test.each([{ how: "row" }, { how: "cheap" }, { how: [2, 4, 9, 17] }] as const)(
  "recompute=$how gives the loss and gradients of none",
  async ({ how }) => {
    const { model, weights } = await openModel({ model: "yolov5n-swinv2.yaml", names: ["a", "b"] });
    const random = rng(0, "pictures");
    const images = hostArray(
      "uint8",
      [2, 3, 96, 96],
      Uint8Array.from({ length: 2 * 3 * 96 * 96 }, () => random.int(256)),
    );
    const targets = Float32Array.from([0, 0, 0.5, 0.5, 0.4, 0.3, 1, 1, 0.3, 0.6, 0.2, 0.5]);
    const step = async (recompute: Recompute) => {
      const state = createState(model.module, weights, { optimizer: "SGD" });
      const loss = { box: 0.05, obj: 1, cls: 0.5, obj_pw: 1, cls_pw: 1, fl_gamma: 0, label_smoothing: 0 };
      const gradients = createGradients(await runtime(), model, { loss, anchorT: 4, recompute });
      const result = await gradients.run(state, { images, targets }, { balance: defaultBalance(3), iteration: 0 });
      await gradients.release();
      return { loss: result.loss, gradients: state.gradients };
    };
    const [plain, again] = [await step("none"), await step(how)];
    expect(again.loss).toBeCloseTo(plain.loss, 5);
    for (const group of ["bias", "weight", "norm"] as const) {
      const expected = plain.gradients[group];
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeGreaterThan(0);
      const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - again.gradients[group][i])), 0);
      expect(off).toBeLessThanOrEqual(1e-5 * largest);
    }
  },
);
