import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { stringify } from "yaml";
import { type ClassBatch, rng } from "../../data/index.js";
import { Failure, UserError } from "../../errors/index.js";
import { checkDevice, hostArray } from "../../graph/index.js";
import { type BlockDefinition, type Classifier, countParameters, emaDecay, stepRateAt } from "../../nn/index.js";
import { mostFed } from "../inference/forward.js";
import { saveCheckpoint } from "../run/checkpoint.js";
import { runFiles, runFolder } from "../run/folder.js";
import { classPlots, drawClassBatch, plotResults } from "../run/plots.js";
import { headerOf, resultsLine } from "../run/results.js";
import { checkFiles, readSettings, resumedFolder } from "../run/resume.js";
import { loadRuntime } from "../runtime.js";
import { type EpochRun, runEpochs, timed } from "../training/loop.js";
import { adjustLossScale, checkHalf, freshLossScale } from "../training/lossScale.js";
import { firstBadNumber } from "../training/nan.js";
import { createTraining } from "../training/resident.js";
import {
  averagedWeights,
  createState,
  dumpState,
  type ParameterGroups,
  restoreState,
  type TrainState,
} from "../training/state.js";
import { readSafetensors, writeAtomic, writeSafetensors } from "../weights/files.js";
import { recordAmplitudes } from "./amplitude.js";
import { type ClassEvaluation, evaluateClasses } from "./evaluate.js";
import type { ClassifyBatch, ClassifyEnd, ClassifyEpoch, ClassifyEvent } from "./events.js";
import { fedClassifier, nativeClassifier } from "./forward.js";
import { checkMemory } from "./memory.js";
import { type PreparedClassifier, prepareClassifier } from "./prepare.js";
import { type ClassifySettings, type ClassifyWish, scheduleOf } from "./settings.js";
import { createClassifyGradients } from "./step.js";

export interface ClassifyContext {
  readonly resume?: string | boolean;
  /** A resumed run goes on to so many epochs, where that is more than it was started with. */
  readonly moreEpochs?: number;
  readonly extra?: readonly BlockDefinition[];
  readonly signal?: AbortSignal;
  readonly onScan?: (split: string, done: number, total: number) => void;
}

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
export async function* trainClassifier(wish: ClassifyWish, context: ClassifyContext): AsyncGenerator<ClassifyEvent> {
  yield* runEpochs(await openRun(wish, context));
}

async function openRun(given: ClassifyWish, context: ClassifyContext): Promise<EpochRun<ClassifyEvent>> {
  const { resume, moreEpochs, extra, onScan } = context;
  checkDevice(await loadRuntime(), given.device);
  const folder = resume ? resumedFolder({ resume, project: given.project }) : undefined;
  const resumed = folder === undefined ? undefined : runFiles(folder);
  if (folder !== undefined && resumed) checkFiles(folder, [resumed.options, resumed.state, resumed.last]);
  const wish = folder === undefined ? given : readSettings<ClassifySettings>(folder, moreEpochs);
  if (wish.half) await checkHalf(await loadRuntime(), wish.device);
  const prepared = await prepareClassifier(wish, { extra, onScan, resumed: resumed?.last });
  try {
    const message = checkMemory(prepared.loaded.model, prepared.settings);
    const messages = message === undefined ? prepared.messages : [message, ...prepared.messages];
    return await buildRun({ ...prepared, messages }, context, folder);
  } catch (error) {
    await prepared.close();
    throw error;
  }
}

interface Best {
  epoch: number;
  top1: number;
  top5: number;
}

async function buildRun(
  { settings, names, loaded, pictures, validated, train, val, sample, messages, close }: PreparedClassifier,
  { signal }: ClassifyContext,
  resumedFrom: string | undefined,
): Promise<EpochRun<ClassifyEvent>> {
  const { model } = loaded;
  const runtime = await loadRuntime();
  const session = { device: settings.device, threads: settings.threads };
  const { batches } = train;
  const schedule = scheduleOf(settings, batches / settings.accumulate);
  const groups = groupsOf(model, settings);
  const frozen = (name: string) => settings.freeze === "trunk" && !model.headNames.includes(name);
  const state = createState(model.module, loaded.weights, { optimizer: settings.optimizer, frozen, groups });
  const folder = resumedFrom ?? (await runFolder(settings.project, settings.name, { existOk: settings.exist_ok }));
  const files = runFiles(folder);
  const best: Best = { epoch: 0, top1: -1, top5: 0 };
  const lossScale = settings.half ? freshLossScale() : undefined;
  let firstEpoch = 0;
  if (resumedFrom === undefined) {
    await writeAtomic([
      [files.options, stringify(settings)],
      [files.results, headerOf(classifyColumns)],
      [files.events, ""],
    ]);
  } else {
    const { tensors, metadata } = await readSafetensors(files.state);
    restoreState(state, tensors);
    firstEpoch = Number(metadata.epoch) + 1;
    Object.assign(best, JSON.parse(metadata.best));
    if (lossScale && metadata.lossScale) Object.assign(lossScale, JSON.parse(metadata.lossScale));
    if (firstEpoch >= settings.epochs)
      throw new UserError(`${folder}: all ${settings.epochs} epochs are done; give more with epochs=N`);
  }
  const training = await createTraining(runtime, state, {
    ...session,
    lossScale,
    random: (iteration, place) => {
      const random = rng(settings.seed, "dropout", iteration, place);
      return () => random.next();
    },
  });
  const { steps, optimizer, sync } = training;
  const { accumulate, recompute, sequential, half } = settings;
  const gradients = createClassifyGradients(model, { steps, accumulate, recompute, sequential, half });
  const fed = validated <= mostFed ? fedClassifier(runtime, model, session) : undefined;
  const amplitudes = settings.amplitude
    ? await recordAmplitudes(runtime, { model, folder, batch: await sample() }, session)
    : undefined;
  const progress = { sum: 0, start: 0, images: 0, waitMs: 0, lr: 0 };
  const record = (event: object) => appendFileSync(files.events, `${JSON.stringify(event)}\n`);

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
    Object.assign(progress, { sum: 0, start: performance.now(), images: 0, waitMs: 0 });
    let step = 0;
    const waited = (ms: number) => {
      progress.waitMs += ms;
    };
    for await (const batch of timed(train.epoch(epoch), waited)) {
      signal?.throwIfAborted();
      const images = hostArray("float32", batch.shape, batch.images);
      const targets = hostArray("float32", [batch.shape[0], names.length], batch.targets);
      const loss = await gradients.run(state, { images, targets }, { iteration: epoch * batches + step });
      const goesOn = Number.isFinite(loss) && (state.pending < accumulate || (await update()));
      if (!goesOn) {
        await sync();
        failOnNan(state, batch);
      }
      if (!settings.noplots) await drawClassBatch(folder, batch, epoch * batches + step, names);
      step++;
      progress.sum += loss;
      progress.images += batch.shape[0];
      const seconds = (performance.now() - progress.start) / 1000;
      yield {
        type: "batch",
        task: "classify",
        epoch: epoch + 1,
        epochs: settings.epochs,
        step,
        steps: batches,
        loss: progress.sum / step,
        size: settings.imgsz,
        imagesPerSecond: progress.images / seconds,
        secondsLeft: ((settings.epochs - epoch) * batches - step) * (seconds / step),
      };
    }
  }

  // As timm's schedulers, which are told of a step after it: the first two steps go at the first rate.
  async function update(): Promise<boolean> {
    const at = schedule.hold && schedule.hold > 1 ? state.steps : Math.max(state.steps - 1, 0);
    progress.lr = stepRateAt(at, schedule);
    const norm = await optimizer.step(state, {
      biasLr: progress.lr,
      lr: progress.lr,
      momentum: settings.momentum,
      weightDecay: settings.weight_decay,
      clipNorm: settings.clip_norm || undefined,
      emaDecay: settings.ema ? emaDecay(state.updates + 1) : 0,
      ofGroup: (group) => ({
        lr: stepRateAt(at, schedule, settings.lr0 * groups.factor(group)),
        weightDecay: groups.decays(group) ? settings.weight_decay : 0,
      }),
    });
    const finite = Number.isFinite(norm);
    // In mixed precision gradients overflow now and then; such a step was not taken.
    return lossScale ? adjustLossScale(lossScale, finite) : finite;
  }

  async function finishEpoch(epoch: number): Promise<{ event: ClassifyEpoch; messages: readonly string[] }> {
    const seconds = (performance.now() - progress.start) / 1000;
    const last = epoch === settings.epochs - 1;
    // The loader goes on while the model is validated and saved.
    if (!last) train.prepare(epoch + 1);
    await sync();
    const result = !settings.noval || last ? await validate() : undefined;
    await amplitudes?.measure(epoch + 1, averagedWeights(state));
    const loss = progress.sum / batches;
    const { loss: valLoss = 0, top1 = 0, top5 = 0 } = result ?? {};
    appendFileSync(files.results, resultsLine([epoch, loss, valLoss, top1, top5, progress.lr]));
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
      lr: progress.lr,
      seconds,
      wait: progress.waitMs / 1000 / seconds,
      imagesPerSecond: progress.images / seconds,
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
      provenance: {
        program: "swinyolo",
        date: new Date().toISOString(),
        data: settings.data,
        seed: String(settings.seed),
      },
    };
    await saveCheckpoint(files.last, weights, info);
    if (better || !existsSync(files.best)) await saveCheckpoint(files.best, weights, info);
    if (settings.save_period > 0 && (epoch + 1) % settings.save_period === 0)
      await saveCheckpoint(files.epoch(epoch + 1), weights, info);
    await writeSafetensors(files.state, dumpState(state), {
      epoch: String(epoch),
      best: JSON.stringify(best),
      ...(lossScale && { lossScale: JSON.stringify(lossScale) }),
    });
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
      await training.release();
      await fed?.release();
      await amplitudes?.release();
      await close();
    },
  };
}

interface ClassifyGroups extends ParameterGroups {
  /** On the learning rate. */
  readonly factor: (group: string) => number;
  readonly decays: (group: string) => boolean;
}

/** Parameters by whether they decay and, with a layer-wise rate, by their depth. */
export function groupsOf(model: Classifier, { layer_decay }: Pick<ClassifySettings, "layer_decay">): ClassifyGroups {
  const depths = layer_decay === 1 ? [model.depths - 1] : Array.from({ length: model.depths }, (_, depth) => depth);
  const nameOf = (depth: number, decays: boolean) => `${decays ? "decayed" : "plain"}.${depth}`;
  return {
    names: depths.flatMap((depth) => [nameOf(depth, true), nameOf(depth, false)]),
    of: (name) => nameOf(layer_decay === 1 ? model.depths - 1 : model.depthOf(name), !model.undecayed(name)),
    factor: (group) => layer_decay ** (model.depths - 1 - Number(group.split(".")[1])),
    decays: (group) => group.startsWith("decayed"),
  };
}

function failOnNan(state: TrainState, { sources }: ClassBatch): never {
  const bad = firstBadNumber(state);
  const pictures = sources.map(({ path }) => path).join(", ");
  throw new Failure(
    `the loss is not a number; first bad tensor: ${bad ?? "the loss itself"}; pictures of the batch: ${pictures}`,
  );
}
