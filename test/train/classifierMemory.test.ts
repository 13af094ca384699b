import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { estimateClassifier, type SavingOptions } from "swinyolo/engine";
import { buildSwinClassifier, swinVariants } from "swinyolo/nn";
import { afterAll, expect, test } from "vitest";
import { root } from "../paths.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case extends SavingOptions {
  readonly size: number;
  readonly window: number;
}

const cases: Case[] = [
  { size: 224, window: 7 },
  { size: 256, window: 8 },
  { size: 256, window: 16, recompute: "block" },
  { size: 256, window: 16, recompute: "block", sequential: 2 },
];

// Two steps in a process of their own, which says how much memory it took at its peak.
const twoSteps = ({ size, window, ...saving }: Case) => `
import { readFileSync } from "node:fs";
const [engine, graph, nn, data] = await Promise.all(["engine", "graph", "nn", "data"].map((part) => import("${pathToFileURL(root)}/dist/" + part + "/index.js")));
const runtime = await engine.loadRuntime();
const classifier = nn.buildSwinClassifier(nn.swinVariants.t, { imageSize: ${size}, window: ${window}, classes: 1000 });
const weights = nn.initialState(classifier.module, data.rng(0, "weights"));
const state = engine.createState(classifier.module, weights, { optimizer: "AdamW" });
const optimizer = engine.hostOptimizer;
async function compiled() {
  const { graph: step, masks, open } = engine.classifierStep(classifier, { batch: 1, ...${JSON.stringify(saving)} });
  return { masks, program: await graph.compile(runtime, step, { open }) };
}
const { masks, program } = await compiled();
const views = engine.gradientViews(state, state.gradients);
const loss = graph.hostArray("float32", []);
const into = new Map([["loss", loss], ...[...views].map(([name, view]) => ["grad." + name, view])]);
const pixels = Float32Array.from({ length: 3 * ${size} ** 2 }, (_, i) => Math.sin(i));
const targets = new Float32Array(1000).fill(0.001);
const losses = [];
for (let iteration = 0; iteration < 2; iteration++) {
  const feeds = engine.currentWeights(state);
  feeds.set("images", graph.hostArray("float32", [1, 3, ${size}, ${size}], pixels));
  feeds.set("targets", graph.hostArray("float32", [1, 1000], targets));
  for (const { name, shape } of masks) feeds.set(name, graph.hostArray("float32", shape, new Float32Array(1).fill(1)));
  await program.run(feeds, into);
  losses.push(loss.data[0]);
  await optimizer.step(state, { biasLr: 1e-3, lr: 1e-3, momentum: 0.9, weightDecay: 0.05, emaDecay: 0.5 });
}
const peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1];
process.stdout.write(JSON.stringify({ peak: Number(peak) * 1024, losses }));
`;

test.skipIf(process.platform !== "linux").each(cases)(
  "swinv2-t, $size, window $window, recompute=$recompute sequential=$sequential: the plan is within 15 % of the peak measured",
  (one) => {
    const { size, window, ...saving } = one;
    const classifier = buildSwinClassifier(swinVariants.t, { imageSize: size, window, classes: 1000 });
    const { training: total } = estimateClassifier({ classifier, batch: 1, ...saving });
    const script = join(folder, "steps.mjs");
    writeFileSync(script, twoSteps(one));
    const { peak, losses } = JSON.parse(execFileSync(process.execPath, [script], { encoding: "utf8" })) as {
      peak: number;
      losses: number[];
    };
    console.log(
      `${JSON.stringify(one)}: planned ${(total / 1e6).toFixed(0)} MB, measured ${(peak / 1e6).toFixed(0)} MB`,
    );
    expect(losses[1]).toBeLessThan(losses[0]);
    expect(Math.abs(total / peak - 1)).toBeLessThan(0.15);
  },
);
