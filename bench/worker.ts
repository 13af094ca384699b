import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import {
  averagedWeights,
  createForward,
  createGradients,
  createOptimizer,
  createState,
  currentWeights,
  gradientViews,
  loadRuntime,
  readSafetensors,
  type TrainBatch,
  writeSafetensors,
} from "swinyolo/engine";
import { cast, compile, graph, type HostArray, hostArray, input, mul, type Runtime, scalar } from "swinyolo/graph";
import { buildModel, type DetectionModel, emaDecay, paramInputs } from "swinyolo/nn";
import { peakMemory } from "./memory.js";
import type { CaseFile } from "./prepare.js";

/**
 * Our side of a case, in a process of its own; the peer's main.py speaks the same:
 *
 *     worker.js check CASE.json OUT.safetensors   one step, all its results into a file
 *     worker.js turns CASE.json                   a step for every line "step" on stdin; "end" gives the peak memory
 */
async function main([mode, caseFile, out]: readonly string[]): Promise<void> {
  const one = JSON.parse(readFileSync(caseFile, "utf8")) as CaseFile;
  const { tensors } = await readSafetensors(one.tensors);
  const weights = new Map(
    [...tensors].filter(([name]) => name.startsWith("state.")).map(([name, array]) => [name.slice(6), array]),
  );
  const batch = { images: tensors.get("input.images")!, targets: tensors.get("input.targets")!.data as Float32Array };
  const step = await sides[one.kind]({ one, model: buildModel(one.yaml), weights, batch });
  if (mode === "check") {
    const results = new Map<string, HostArray>();
    await step(results);
    await writeSafetensors(out, results);
    return;
  }
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "end") break;
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const result = await step();
    const { user, system } = process.cpuUsage(cpu);
    say({ ms: performance.now() - start, cpuMs: (user + system) / 1000, ...result });
  }
  say({ peak: peakMemory() });
}

// ONNX Runtime, with threads that wait as the case says.
async function runtimeFor({ waiting }: CaseFile): Promise<Runtime> {
  const runtime = await loadRuntime();
  if (waiting === "spinning") return runtime;
  const extra = { session: { intra_op: { allow_spinning: "0" } } };
  const { InferenceSession, Tensor } = runtime;
  return {
    Tensor,
    InferenceSession: { create: (model, options) => InferenceSession.create(model, { ...options, extra }) },
  };
}

interface Setting {
  readonly one: CaseFile;
  readonly model: DetectionModel;
  readonly weights: Map<string, HostArray>;
  readonly batch: TrainBatch;
}

/** One step; `results`, where given, gets everything that the peer must have too. */
type Step = (results?: Map<string, HostArray>) => Promise<{ value: number; updateMs?: number }>;

const sides = { train, inference };

async function train({ one, model, weights, batch }: Setting): Promise<Step> {
  const runtime = await runtimeFor(one);
  const { threads, loss, anchorT, balance, rates, ema } = one;
  const state = createState(model.module, weights, { optimizer: "SGD" });
  const gradients = createGradients(runtime, model, { threads, loss, anchorT });
  const optimizer = await createOptimizer(runtime, state, { threads });
  let iteration = 0;
  return async (results) => {
    if (results) await trainingMaps({ one, model, weights, batch }, results);
    const found = await gradients.run(state, batch, { balance, iteration: iteration++ });
    if (results) {
      copy(gradientViews(state, state.gradients), "grad.", results);
      results.set("loss", hostArray("float32", [], Float32Array.of(found.loss)));
      results.set("parts", hostArray("float32", [3], Float32Array.from(found.parts)));
    }
    const start = performance.now();
    await optimizer.step(state, { ...rates, emaDecay: emaDecay(state.updates + 1, ema) });
    if (results) {
      copy(currentWeights(state), "after.", results);
      copy(averagedWeights(state), "ema.", results);
    }
    return { value: found.loss, updateMs: performance.now() - start };
  };
}

// The raw maps with the batch's statistics, which the compiled step keeps to itself.
async function trainingMaps({ one, model, weights, batch }: Setting, results: Map<string, HostArray>): Promise<void> {
  const images = input(batch.images.shape, { dtype: "uint8" });
  const maps = model.module(mul(cast(images, "float32"), scalar(1 / 255)));
  const outputs = new Map(maps.map((map, i) => [`map.${i}`, map]));
  const forward = graph(new Map([...paramInputs(model.module), ["images", images]]), outputs);
  const program = await compile(await runtimeFor(one), forward, { threads: one.threads });
  copy(await program.run(new Map([...weights, ["images", batch.images]])), "", results);
  await program.release();
}

async function inference({ one, model, weights, batch: { images } }: Setting): Promise<Step> {
  const runtime = await runtimeFor(one);
  const forward = createForward(runtime, model, { weights, threads: one.threads });
  return async (results) => {
    const { rows } = await forward.run(images);
    if (results) {
      const checked = createForward(runtime, model, { weights, threads: one.threads, maps: true });
      const { maps } = await checked.run(images);
      copy(new Map(maps.map((map, i) => [`map.${i}`, map])), "", results);
      results.set("rows", rows);
    }
    return { value: Number(rows.data[0]) };
  };
}

function copy(from: ReadonlyMap<string, HostArray>, prefix: string, into: Map<string, HostArray>): void {
  for (const [name, { dtype, shape, data }] of from) {
    if (dtype === "float32") into.set(prefix + name, hostArray(dtype, shape, data.slice()));
  }
}

const say = (fields: object) => process.stdout.write(`${JSON.stringify(fields)}\n`);

await main(process.argv.slice(2));
