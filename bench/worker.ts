import { parseArgs } from "node:util";
import {
  averagedWeights,
  createForward,
  createGradients,
  createState,
  currentWeights,
  hostOptimizer,
  readSafetensors,
  type TrainBatch,
} from "swinyolo/engine";
import { cast, compile, graph, type HostArray, hostArray, input, mul, scalar } from "swinyolo/graph";
import { buildModel, type DetectionModel, emaDecay, paramInputs } from "swinyolo/nn";
import { agreement } from "./agree.js";
import { movedName } from "./check.js";
import { classifierOf, classifierSteps } from "./classifierSteps.js";
import { nudged } from "./nudge.js";
import type { CaseFile } from "./prepare.js";
import { copy, gradientsOf } from "./results.js";
import { type Watched, watchedRuntime } from "./runtime.js";
import { type Side, type Step, serve } from "./serve.js";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { recompute: { type: "boolean", default: false }, profile: { type: "string" } },
});

/** Our side of a case. */
await serve(positionals, async (one): Promise<Side> => {
  const { tensors } = await readSafetensors(one.tensors);
  const weights = new Map(
    [...tensors].filter(([name]) => name.startsWith("state.")).map(([name, array]) => [name.slice(6), array]),
  );
  const batch = { images: tensors.get("input.images")!, targets: tensors.get("input.targets")!.data as Float32Array };
  const watched = await watchedRuntime({ waiting: one.waiting, profile: flags.profile });
  const step = one.classifier
    ? await classifierSteps[one.kind]({ one, ...classifierOf(one, one.classifier.side), weights, tensors, watched })
    : await { train, inference }[one.kind]({ one, model: buildModel(one.yaml), weights, batch, watched });
  return {
    step: async (results) => {
      watched.takeRunMs();
      const result = await step(results);
      return { ...result, runMs: watched.takeRunMs() };
    },
    ...(flags.profile && { end: (steps: number) => ({ kernelMs: watched.kernelMs(steps) }) }),
  };
});

interface Setting {
  readonly one: CaseFile;
  readonly model: DetectionModel;
  readonly weights: Map<string, HostArray>;
  readonly batch: TrainBatch;
  readonly watched: Watched;
}

async function train({ one, model, weights, batch, watched }: Setting): Promise<Step> {
  const { runtime } = watched;
  const { threads, loss, anchorT, balance, rates, ema } = one;
  const state = createState(model.module, weights, { optimizer: "SGD" });
  const gradients = createGradients(runtime, model, {
    threads,
    loss,
    anchorT,
    recompute: flags.recompute ? "row" : "none",
  });
  const optimizer = hostOptimizer;
  // How far the gradients move when the weights do in their last places.
  const moved = async (still: ReadonlyMap<string, HostArray>): Promise<number> => {
    let most = 0;
    for (const seed of [0, 1, 2]) {
      const other = createState(model.module, nudged(weights, seed), { optimizer: "SGD" });
      await gradients.run(other, batch, { balance, iteration: 0 });
      most = Math.max(most, agreement(gradientsOf(other), still).worst);
    }
    return most;
  };
  let iteration = 0;
  return async (results) => {
    if (results) await trainingMaps({ one, model, weights, batch, watched }, results);
    const found = await gradients.run(state, batch, { balance, iteration: iteration++ });
    if (results) {
      for (const [name, gradient] of gradientsOf(state)) results.set(name, gradient);
      results.set("loss", hostArray("float32", [], Float32Array.of(found.loss)));
      results.set("parts", hostArray("float32", [3], Float32Array.from(found.parts)));
      results.set(movedName, hostArray("float32", [], Float32Array.of(await moved(gradientsOf(state)))));
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
async function trainingMaps(
  { one, model, weights, batch, watched }: Setting,
  results: Map<string, HostArray>,
): Promise<void> {
  const images = input(batch.images.shape, { dtype: "uint8" });
  const maps = model.module(mul(cast(images, "float32"), scalar(1 / 255)));
  const outputs = new Map(maps.map((map, i) => [`map.${i}`, map]));
  const forward = graph(new Map([...paramInputs(model.module), ["images", images]]), outputs);
  const program = await compile(watched.runtime, forward, { threads: one.threads });
  copy(await program.run(new Map([...weights, ["images", batch.images]])), "", results);
  await program.release();
}

async function inference({ one, model, weights, batch: { images }, watched }: Setting): Promise<Step> {
  const { runtime } = watched;
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
