import { appendFileSync, readFileSync } from "node:fs";
import { hostArray } from "../../graph/index.js";
import { countParameters } from "../../nn/index.js";
import { mostFed } from "../inference/forward.js";
import { keepWeights, trainedOn } from "../run/checkpoint.js";
import { classPlots, drawClassBatch, plotResults } from "../run/plots.js";
import { resultsLine } from "../run/results.js";
import { loadRuntime } from "../runtime.js";
import { estimateClassifier } from "../training/classifierMemory.js";
import { classifierStep } from "../training/classifierStep.js";
import type { SavingCase, SavingNetwork } from "../training/fitSaving.js";
import { type EpochRun, runEpochs } from "../training/loop.js";
import { openRun, type RunContext, type RunParts } from "../training/openRun.js";
import { openPictureRun } from "../training/pictureRun.js";
import { loadersOf } from "../training/settings.js";
import { averagedWeights } from "../training/state.js";
import { readSafetensors } from "../weights/files.js";
import { recordAmplitudes } from "./amplitude.js";
import { type ClassEvaluation, evaluateClasses } from "./evaluate.js";
import type { ClassifyBatch, ClassifyEnd, ClassifyEpoch, ClassifyEvent } from "./events.js";
import { fedClassifier, nativeClassifier } from "./forward.js";
import { type PreparedClassifier, prepareClassifier } from "./prepare.js";
import { type ClassifyWish, scheduleOf } from "./settings.js";

/** Columns of a classifier's results.csv. */
export const classifyColumns = [
  "epoch",
  "train/loss",
  "val/loss",
  "metrics/accuracy_top1",
  "metrics/accuracy_top5",
  "lr/0",
] as const;

/** Trains a classifier; the events come as they happen, and leaving the loop early stops it with all files whole. */
export async function* trainClassifier(wish: ClassifyWish, context: RunContext): AsyncGenerator<ClassifyEvent> {
  yield* runEpochs(await openRun(wish, context, { prepare: prepareClassifier, saving, build: buildRun }));
}

function saving({ loaded: { model }, settings }: PreparedClassifier): SavingNetwork {
  const { optimizer } = settings;
  const workers = loadersOf(settings);
  const estimate = (wanted: SavingCase) =>
    estimateClassifier({ classifier: model, optimizer, workers, ...wanted }).total;
  return { network: model, estimate };
}

interface Best {
  epoch: number;
  top1: number;
  top5: number;
}

async function buildRun(
  { settings, names, loaded, pictures, validated, train, val, sample, messages, close }: RunParts<PreparedClassifier>,
  { signal }: RunContext,
  resumedFrom: string | undefined,
): Promise<EpochRun<ClassifyEvent>> {
  const { model } = loaded;
  const runtime = await loadRuntime();
  const session = { device: settings.device, threads: settings.threads };
  const { batches } = train;
  const { accumulate, recompute, sequential, half } = settings;
  const best: Best = { epoch: 0, top1: -1, top5: 0 };
  const run = await openPictureRun(runtime, {
    settings,
    model,
    weights: loaded.weights,
    frozen: (name) => settings.freeze === "trunk" && !model.headNames.includes(name),
    loader: train,
    schedule: scheduleOf(settings, batches / accumulate),
    graph: ([batch], learned) => classifierStep(model, { batch, learned, accumulate, recompute, sequential, half }),
    feeds: ({ shape, targets }) => ({ targets: hostArray("float32", [shape[0], names.length], targets) }),
    columns: classifyColumns,
    best,
    resumedFrom,
    signal,
  });
  const { folder, files, state, firstEpoch, record } = run;
  const fed = validated <= mostFed ? fedClassifier(runtime, model, session) : undefined;
  const amplitudes = settings.amplitude
    ? await recordAmplitudes(runtime, { model, folder, batch: await sample() }, session)
    : undefined;

  async function* opening(): AsyncGenerator<ClassifyEvent> {
    train.prepare(firstEpoch);
    for (const message of messages) yield { type: "report", message };
    const start = {
      type: "start",
      task: "classify",
      run: folder,
      images: pictures,
      classes: names.length,
      batches,
      epochs: settings.epochs,
      parameters: countParameters(model.module),
      recipe: settings.recipe,
      ...(resumedFrom !== undefined && { resumedFrom: firstEpoch }),
    } as const;
    record(start);
    yield start;
    if (resumedFrom === undefined) await amplitudes?.measure(0, averagedWeights(state));
  }

  async function* trainEpoch(epoch: number): AsyncGenerator<ClassifyBatch> {
    for await (const { batch, progress } of run.trainEpoch(epoch)) {
      if (!settings.noplots) await drawClassBatch(folder, batch, epoch * batches + progress.step - 1, names);
      yield { type: "batch", task: "classify", ...progress };
    }
  }

  async function finishEpoch(epoch: number): Promise<{ event: ClassifyEpoch; messages: readonly string[] }> {
    const last = epoch === settings.epochs - 1;
    const { loss, lr, ...rest } = await run.finishEpoch(epoch);
    const result = !settings.noval || last ? await validate() : undefined;
    await amplitudes?.measure(epoch + 1, averagedWeights(state));
    const { loss: valLoss = 0, top1 = 0, top5 = 0 } = result ?? {};
    appendFileSync(files.results, resultsLine([epoch, loss, valLoss, top1, top5, lr]));
    const better = result !== undefined && result.top1 >= best.top1;
    if (better) Object.assign(best, { epoch: epoch + 1, top1, top5 });
    if (!settings.nosave || last) await save(epoch, { better, result });
    const event: ClassifyEpoch = {
      type: "epoch",
      task: "classify",
      epoch: epoch + 1,
      epochs: settings.epochs,
      loss,
      ...(result && { valLoss, top1, top5 }),
      lr,
      ...rest,
    };
    record(event);
    return { event, messages: [] };
  }

  async function validate(
    weights = averagedWeights(state),
    plots?: ReturnType<typeof classPlots>,
  ): Promise<ClassEvaluation> {
    const fixed = fed ? undefined : nativeClassifier(runtime, { model, weights, names }, session);
    try {
      return await evaluateClasses((images) => fed?.run(images, weights) ?? fixed!.run(images), val, {
        signal,
        onBatch: plots?.batch,
      });
    } finally {
      await fixed?.release();
    }
  }

  async function save(epoch: number, { better, result }: { better: boolean; result?: ClassEvaluation }): Promise<void> {
    const weights = averagedWeights(state);
    const info = {
      task: "classify",
      model: loaded.yaml,
      names,
      imgsz: settings.imgsz,
      fit: settings.fit,
      epoch: epoch + 1,
      ...(result && { metrics: { top1: result.top1, top5: result.top5, loss: result.loss } }),
      provenance: trainedOn(settings.data, { seed: String(settings.seed) }),
    };
    await keepWeights(files, weights, info, { epoch: epoch + 1, better, period: settings.save_period });
    await run.saveState(epoch);
  }

  // The best weights once more, with pictures and confusions.
  async function drawBest(): Promise<void> {
    await plotResults(folder, readFileSync(files.results, "utf8"), classifyColumns.slice(1));
    const plots = classPlots(folder, names);
    const { results } = await validate(
      new Map([...averagedWeights(state), ...(await readSafetensors(files.best)).tensors]),
      plots,
    );
    await plots.finish(results);
  }

  async function end(): Promise<ClassifyEnd> {
    await amplitudes?.draw();
    if (!settings.noplots) await drawBest();
    const event = {
      type: "end",
      task: "classify",
      run: folder,
      epochs: settings.epochs,
      best: { ...best },
      weights: files.best,
    } as const;
    record(event);
    return event;
  }

  return {
    settings,
    firstEpoch,
    opening,
    trainEpoch,
    finishEpoch,
    end,
    bestEpoch: () => best.epoch,
    close: async () => {
      await run.release();
      await fed?.release();
      await amplitudes?.release();
      await close();
    },
  };
}
