import { appendFileSync, readFileSync } from "node:fs";
import { stringify } from "yaml";
import { type Batch, rng } from "../data/index.js";
import { Failure, UserError } from "../errors/index.js";
import { checkDevice, type HostArray, hostArray, type Runtime } from "../graph/index.js";
import {
  autobalance,
  type BlockDefinition,
  defaultBalance,
  emaDecay,
  lossGainScale,
  ratesAt,
  weightDecayScale,
} from "../nn/index.js";
import { type Evaluation, evaluate, lateMessage } from "./evaluate.js";
import { createFedForward, createForward, mostFed } from "./inference/forward.js";
import { createLossProgram } from "./inference/loss.js";
import { fitness } from "./metrics/ap.js";
import { keepWeights, trainedOn } from "./run/checkpoint.js";
import { runFiles, runFolder } from "./run/folder.js";
import { drawTrainBatch, plotLabels, plotResults, valPlots } from "./run/plots.js";
import { resultsHeader, resultsLine } from "./run/results.js";
import { type Resumed, readResumed } from "./run/resume.js";
import { loadRuntime } from "./runtime.js";
import type { BatchEvent, EndEvent, EpochEvent, TrainEvent } from "./training/events.js";
import { runEpochs, timed } from "./training/loop.js";
import { adjustLossScale, checkHalf, freshLossScale } from "./training/lossScale.js";
import { firstBadTensor } from "./training/nan.js";
import { type Prepared, prepare } from "./training/prepare.js";
import { createTraining } from "./training/resident.js";
import { scheduleOf } from "./training/schedule.js";
import { type Hyp, lossOptions, type TrainSettings } from "./training/settings.js";
import { averagedWeights, createState, dumpState, restoreState, type TrainState } from "./training/state.js";
import { anchorLevels, createGradients } from "./training/step.js";
import { type PlannedSettings, withinMemory } from "./training/withinMemory.js";
import { readSafetensors, writeAtomic, writeSafetensors } from "./weights/files.js";

export interface TrainContext {
  readonly hyp: Hyp;
  /** A resumed run goes on to so many epochs, where that is more than it was started with. */
  readonly moreEpochs?: number;
  readonly extra?: readonly BlockDefinition[];
  readonly signal?: AbortSignal;
  readonly onScan?: (split: string, done: number, total: number) => void;
}

interface Best {
  epoch: number;
  fitness: number;
  map50: number;
  map: number;
}

/** Trains a detector; the events come as they happen, and leaving the loop early stops it with all files whole. */
export async function* trainRun(settings: TrainSettings, context: TrainContext): AsyncGenerator<TrainEvent> {
  yield* runEpochs(await openRun(settings, context));
}

async function openRun(given: TrainSettings, context: TrainContext) {
  checkDevice(await loadRuntime(), given.device);
  if (given.half) await checkHalf(await loadRuntime(), given.device);
  const resumed = given.resume ? readResumed(given, context.moreEpochs) : undefined;
  const hyp = resumed?.hyp ?? context.hyp;
  const { settings, message, keep } = await withinMemory(resumed?.settings ?? given, {
    hyp,
    extra: context.extra,
    weights: resumed?.weights,
  });
  const prepared = await prepare(settings, {
    hyp,
    extra: context.extra,
    resumed: resumed?.weights,
    onScan: context.onScan,
  });
  try {
    const messages = message === undefined ? prepared.messages : [message, ...prepared.messages];
    return await buildRun({ settings, hyp, prepared: { ...prepared, messages }, context, resumed, keep });
  } catch (error) {
    await prepared.close();
    throw error;
  }
}

interface RunParts {
  readonly settings: PlannedSettings;
  readonly hyp: Hyp;
  readonly prepared: Prepared;
  readonly context: TrainContext;
  readonly resumed?: Resumed;
  /** Compiled shapes that there is memory for. */
  readonly keep?: number;
}

async function buildRun({ settings, hyp, prepared, context, resumed, keep }: RunParts) {
  const { loaded, names, imgsz, train, val } = prepared;
  const { model } = loaded;
  const runtime = await loadRuntime();
  const session = { device: settings.device, threads: settings.threads };
  const batches = train.loader.batches;
  const { preset, schedule } = scheduleOf(settings, hyp, batches);
  const scale = lossGainScale(model.strides.length, model.nc, imgsz);
  const loss = lossOptions(hyp, scale, settings.label_smoothing);
  const frozen = (name: string) => settings.freeze.some((layer) => name.startsWith(`model.${layer}.`));
  const state = createState(model.module, loaded.weights, { optimizer: settings.optimizer, frozen });
  const folder = resumed?.folder ?? (await runFolder(settings.project, settings.name, { existOk: settings.exist_ok }));
  const files = runFiles(folder);
  let balance = defaultBalance(model.strides.length);
  const best: Best = { epoch: 0, fitness: -1, map50: 0, map: 0 };
  const lossScale = settings.half ? freshLossScale() : undefined;
  let [firstEpoch, resumedStep] = [0, -1];
  if (resumed) {
    const { tensors, metadata } = await readSafetensors(files.state);
    restoreState(state, tensors);
    firstEpoch = Number(metadata.epoch) + 1;
    resumedStep = Number(metadata.lastStep);
    Object.assign(best, JSON.parse(metadata.best));
    balance = JSON.parse(metadata.balance) as number[];
    if (lossScale && metadata.lossScale) Object.assign(lossScale, JSON.parse(metadata.lossScale));
    if (firstEpoch >= settings.epochs)
      throw new UserError(`${folder}: all ${settings.epochs} epochs are done; give more with epochs=N`);
  } else {
    await writeAtomic([
      [files.options, stringify(settings)],
      [files.hyp, stringify(hyp)],
      [files.results, resultsHeader()],
      [files.events, ""],
    ]);
  }
  const training = await createTraining(runtime, state, {
    ...session,
    keep,
    lossScale,
    random: (iteration, place) => {
      const random = rng(settings.seed, "dropout", iteration, place);
      return () => random.next();
    },
  });
  const { steps, optimizer, sync } = training;
  const { recompute } = settings;
  const gradients = createGradients(runtime, model, { steps, loss, anchorT: hyp.anchor_t, recompute, lossScale });
  const fed =
    val.scan.counts.images <= mostFed ? createFedForward(runtime, model, { ...session, maps: true }) : undefined;
  const lossProgram = createLossProgram(runtime, {
    ...session,
    loss,
    anchorT: hyp.anchor_t,
    balance: () => balance,
    anchors: anchorLevels(averagedWeights(state).get(model.anchorsName)!),
  });
  const decay = hyp.weight_decay * weightDecayScale(settings.batch, preset.settings.nbs);
  const progress = { sums: [0, 0, 0], start: 0, images: 0, lastStep: resumedStep, lr: [0, 0], waitMs: 0 };
  const record = (event: object) => appendFileSync(files.events, `${JSON.stringify(event)}\n`);

  async function* opening(): AsyncGenerator<TrainEvent> {
    train.loader.prepare(firstEpoch);
    for (const message of prepared.messages) yield { type: "report", message };
    if (preset.name === "small") {
      yield {
        type: "report",
        message: `preset=small: ${preset.steps} optimizer steps are few at nbs=${settings.nbs}; nbs=${preset.settings.nbs} and a shorter warm-up are taken (preset=none keeps YOLOv5's)`,
      };
    }
    const parameters = state.sizes.bias + state.sizes.weight + state.sizes.norm;
    const start = {
      type: "start",
      run: folder,
      images: train.scan.counts.images,
      batches,
      epochs: settings.epochs,
      parameters,
      ...(resumed && { resumedFrom: firstEpoch }),
    } as const;
    record(start);
    yield start;
    if (!settings.noplots && !resumed) await plotLabels(folder, train.scan.entries, names);
  }

  const fail = async (images: HostArray, batch: Batch): Promise<never> => {
    await sync();
    return failOnNan({ runtime, model, state, images, batch });
  };

  async function* trainEpoch(epoch: number): AsyncGenerator<BatchEvent> {
    Object.assign(progress, { sums: [0, 0, 0], start: performance.now(), images: 0, waitMs: 0 });
    let step = 0;
    const waited = (ms: number) => {
      progress.waitMs += ms;
    };
    for await (const batch of timed(train.loader.epoch(epoch), waited)) {
      context.signal?.throwIfAborted();
      const iteration = epoch * batches + step;
      const images = hostArray("uint8", batch.shape, batch.images);
      const result = await gradients.run(state, { images, targets: batch.targets }, { balance, iteration });
      if (!Number.isFinite(result.loss)) await fail(images, batch);
      if (hyp.autobalance) balance = autobalance(balance, result.levels, model.strides);
      const rates = ratesAt(iteration, schedule);
      if (iteration - progress.lastStep >= rates.accumulate) {
        const norm = await optimizer.step(state, {
          ...rates,
          weightDecay: decay,
          clipNorm: 10,
          emaDecay: emaDecay(state.updates + 1),
        });
        const finite = Number.isFinite(norm);
        // In mixed precision gradients overflow now and then; such a step was not taken.
        const goesOn = lossScale ? adjustLossScale(lossScale, finite) : finite;
        if (!goesOn) await fail(images, batch);
        progress.lastStep = iteration;
      }
      progress.lr = [rates.biasLr, rates.lr];
      if (!settings.noplots) await drawTrainBatch(folder, batch, iteration, names);
      step++;
      progress.images += batch.shape[0];
      result.parts.forEach((part, i) => {
        progress.sums[i] += part;
      });
      const [box, obj, cls] = progress.sums.map((sum) => sum / step);
      const seconds = (performance.now() - progress.start) / 1000;
      const left = ((settings.epochs - epoch) * batches - step) * (seconds / step);
      yield {
        type: "batch",
        epoch: epoch + 1,
        epochs: settings.epochs,
        step,
        steps: batches,
        box,
        obj,
        cls,
        instances: batch.targets.length / 6,
        size: batch.shape[2],
        secondsLeft: left,
      };
    }
  }

  async function finishEpoch(epoch: number): Promise<{ event: EpochEvent; messages: readonly string[] }> {
    const seconds = (performance.now() - progress.start) / 1000;
    // The loader goes on while the model is validated and saved.
    if (epoch + 1 < settings.epochs) train.loader.prepare(epoch + 1);
    await sync();
    const validates = !settings.noval || epoch === settings.epochs - 1;
    const result = validates ? await validate(averagedWeights(state)) : undefined;
    const [box, obj, cls] = progress.sums.map((sum) => sum / batches);
    const [biasLr, lr] = progress.lr;
    const row = [
      epoch,
      box,
      obj,
      cls,
      result?.precision ?? 0,
      result?.recall ?? 0,
      result?.map50 ?? 0,
      result?.map ?? 0,
      ...(result?.loss ?? [0, 0, 0]),
      biasLr,
      lr,
      lr,
    ];
    appendFileSync(files.results, resultsLine(row));
    const score = result ? fitness(result) : -1;
    const better = result !== undefined && score >= best.fitness;
    if (better) Object.assign(best, { epoch: epoch + 1, fitness: score, map50: result.map50, map: result.map });
    const last = epoch === settings.epochs - 1;
    if (!settings.nosave || last) await save(epoch, { better, result });
    const event: EpochEvent = {
      type: "epoch",
      epoch: epoch + 1,
      epochs: settings.epochs,
      box,
      obj,
      cls,
      ...(result && { precision: result.precision, recall: result.recall, map50: result.map50, map: result.map }),
      lr,
      seconds,
      wait: progress.waitMs / 1000 / seconds,
      imagesPerSecond: progress.images / seconds,
    };
    record(event);
    return { event, messages: result ? lateMessage(result) : [] };
  }

  async function validate(
    weights: ReadonlyMap<string, HostArray>,
    plots?: ReturnType<typeof valPlots>,
  ): Promise<Evaluation> {
    const fixed = fed ? undefined : createForward(runtime, model, { ...session, weights, maps: true });
    try {
      return await evaluate((images) => fed?.run(images, weights) ?? fixed!.run(images), val.loader, {
        names,
        singleCls: settings.single_cls,
        loss: lossProgram,
        signal: context.signal,
        onPicture: plots?.picture,
        onBatch: plots?.batch,
      });
    } finally {
      await fixed?.release();
    }
  }

  async function save(epoch: number, { better, result }: { better: boolean; result?: Evaluation }): Promise<void> {
    const weights = averagedWeights(state);
    const info = {
      model: modelYaml(loaded.yaml, names, weights.get(model.anchorsName)!, model.strides),
      names,
      imgsz,
      stride: model.stride,
      hyp,
      epoch: epoch + 1,
      ...(result && {
        metrics: { precision: result.precision, recall: result.recall, map50: result.map50, map: result.map },
      }),
      provenance: trainedOn(settings.data),
    };
    await keepWeights(files, weights, info, { epoch: epoch + 1, better, period: settings.save_period });
    const metadata = {
      epoch: String(epoch),
      lastStep: String(progress.lastStep),
      best: JSON.stringify(best),
      balance: JSON.stringify(balance),
      ...(lossScale && { lossScale: JSON.stringify(lossScale) }),
    };
    await writeSafetensors(files.state, dumpState(state), metadata);
  }

  // The best weights once more, with pictures and curves.
  async function drawBest(): Promise<void> {
    await plotResults(folder, readFileSync(files.results, "utf8"));
    const plots = valPlots(folder, names);
    const { metrics } = await validate(
      new Map([...averagedWeights(state), ...(await readSafetensors(files.best)).tensors]),
      plots,
    );
    await plots.finish(metrics);
  }

  async function end(): Promise<EndEvent> {
    if (!settings.noplots) await drawBest();
    const { epoch, map50, map } = best;
    const event = {
      type: "end",
      run: folder,
      epochs: settings.epochs,
      best: { epoch, map50, map },
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
      await training.release();
      await fed?.release();
      await lossProgram.release();
      await prepared.close();
    },
  };
}

/** The model's YAML with the classes and anchors that it was trained with. */
function modelYaml(yaml: object, names: readonly string[], anchors: HostArray, strides: readonly number[]): object {
  const levels = anchorLevels(anchors).map((level, l) =>
    level.flatMap((wh) => wh.map((side) => Math.round(side * strides[l] * 1e4) / 1e4)),
  );
  return { ...yaml, nc: names.length, anchors: levels };
}

interface BadBatch {
  readonly runtime: Runtime;
  readonly model: Prepared["loaded"]["model"];
  readonly state: TrainState;
  readonly images: HostArray;
  readonly batch: Batch;
}

async function failOnNan({ runtime, model, state, images, batch }: BadBatch): Promise<never> {
  const bad = await firstBadTensor(runtime, model, { state, images });
  const pictures = batch.sources.map(({ path }) => path).join(", ");
  throw new Failure(
    `the loss is not a number; first bad tensor: ${bad ?? "the loss itself"}; pictures of the batch: ${pictures}`,
  );
}
