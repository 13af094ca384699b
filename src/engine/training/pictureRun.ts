import { appendFileSync } from "node:fs";
import { stringify } from "yaml";
import { type ClassBatch, type Loader, rng } from "../../data/index.js";
import { Failure, UserError } from "../../errors/index.js";
import { type HostArray, hostArray, type Runtime } from "../../graph/index.js";
import { emaDecay, type OptimizerKind, type Part, type StepSchedule, stepRateAt } from "../../nn/index.js";
import { runFiles, runFolder } from "../run/folder.js";
import { headerOf } from "../run/results.js";
import { readSafetensors, writeAtomic, writeSafetensors } from "../weights/files.js";
import { type Deep, groupsOf } from "./depthGroups.js";
import type { RunBatch, RunEpoch } from "./events.js";
import { timed } from "./loop.js";
import { adjustLossScale, freshLossScale, type LossScale } from "./lossScale.js";
import { firstBadNumber } from "./nan.js";
import { createTraining } from "./resident.js";
import { createState, dumpState, restoreState, type TrainState } from "./state.js";
import type { StepGraph } from "./steps.js";

/** The settings that every run on whole pictures goes by. */
export interface PictureSettings {
  readonly epochs: number;
  readonly imgsz: number;
  readonly seed: number;
  readonly device: string;
  readonly threads?: number;
  readonly accumulate: number;
  readonly optimizer: OptimizerKind;
  readonly lr0: number;
  readonly momentum: number;
  readonly weight_decay: number;
  readonly clip_norm: number;
  readonly layer_decay: number;
  readonly ema: boolean;
  /** Mixed precision. */
  readonly half?: boolean;
  readonly project: string;
  readonly name: string;
  readonly exist_ok: boolean;
}

/** What a run trains, on what, and how. */
export interface PictureRunParts<Best extends object> {
  readonly settings: PictureSettings;
  readonly model: Deep & { readonly module: Part };
  readonly weights: ReadonlyMap<string, HostArray>;
  readonly frozen?: (name: string) => boolean;
  readonly loader: Loader<ClassBatch>;
  readonly schedule: StepSchedule;
  /** A batch's step; its output `loss` is the mean over the batch by `accumulate`. */
  readonly graph: (images: readonly number[], learned: readonly string[]) => StepGraph;
  /** What the step is fed besides `images`. */
  readonly feeds: (batch: ClassBatch, epoch: number) => Readonly<Record<string, HostArray>>;
  /** Columns of results.csv. */
  readonly columns: readonly string[];
  /** The best so far, which the run keeps with its state. */
  readonly best: Best;
  /** The folder of a run that goes on. */
  readonly resumedFrom?: string;
  readonly signal?: AbortSignal;
}

/** How far an epoch has come. */
export interface BatchProgress extends Omit<RunBatch, "type"> {
  /** Mean over the epoch so far. */
  readonly loss: number;
  readonly imagesPerSecond: number;
}

/** What came of an epoch's training. */
export interface EpochFigures extends Omit<RunEpoch, "type" | "epoch" | "epochs"> {
  readonly loss: number;
}

/** A run on batches of whole pictures: its folder, its state and its steps; each task adds what it validates and saves. */
export interface PictureRun {
  readonly folder: string;
  readonly files: ReturnType<typeof runFiles>;
  readonly state: TrainState;
  /** Counted from 0; later ones for a run that goes on. */
  readonly firstEpoch: number;
  /** Adds a line to the run's events. */
  record(event: object): void;
  /** Trains an epoch, counted from 0; each batch comes after its step. */
  trainEpoch(epoch: number): AsyncGenerator<{ readonly batch: ClassBatch; readonly progress: BatchProgress }>;
  /** Ends an epoch's training: brings the state to the host, while the loader goes on with the next. */
  finishEpoch(epoch: number): Promise<EpochFigures>;
  /** Writes what a run needs to be gone on with after this epoch. */
  saveState(epoch: number): Promise<void>;
  release(): Promise<void>;
}

/**
 * Opens a run: a new folder, or that of a run which goes on with its state.
 * @throws UserError where all epochs are done already.
 */
export async function openPictureRun<Best extends object>(
  runtime: Runtime,
  { settings, model, weights, frozen, loader, schedule, best, signal, ...parts }: PictureRunParts<Best>,
): Promise<PictureRun> {
  const { batches } = loader;
  const groups = groupsOf(model, settings);
  const state = createState(model.module, weights, { optimizer: settings.optimizer, frozen, groups });
  const lossScale = settings.half ? freshLossScale() : undefined;
  const { folder, files, firstEpoch } = await begin(settings, { ...parts, state, best, lossScale });
  const { steps, optimizer, sync, release } = await createTraining(runtime, state, {
    device: settings.device,
    threads: settings.threads,
    lossScale,
    random: (iteration, place) => {
      const random = rng(settings.seed, "dropout", iteration, place);
      return () => random.next();
    },
  });
  const progress = { sum: 0, start: 0, images: 0, waitMs: 0, lr: 0 };

  async function* trainEpoch(epoch: number): ReturnType<PictureRun["trainEpoch"]> {
    Object.assign(progress, { sum: 0, start: performance.now(), images: 0, waitMs: 0 });
    let step = 0;
    const waited = (ms: number) => {
      progress.waitMs += ms;
    };
    for await (const batch of timed(loader.epoch(epoch), waited)) {
      signal?.throwIfAborted();
      const loss = await gradients(batch, epoch, step);
      const goesOn = Number.isFinite(loss) && (state.pending < settings.accumulate || (await update()));
      if (!goesOn) {
        await sync();
        failOnNan(state, batch);
      }
      step++;
      progress.sum += loss;
      progress.images += batch.shape[0];
      const seconds = (performance.now() - progress.start) / 1000;
      yield {
        batch,
        progress: {
          epoch: epoch + 1,
          epochs: settings.epochs,
          step,
          steps: batches,
          loss: progress.sum / step,
          size: settings.imgsz,
          imagesPerSecond: progress.images / seconds,
          secondsLeft: ((settings.epochs - epoch) * batches - step) * (seconds / step),
        },
      };
    }
  }

  async function gradients(batch: ClassBatch, epoch: number, step: number): Promise<number> {
    const images = hostArray("float32", batch.shape, batch.images);
    const made = await steps.run(state, new Map(Object.entries({ images, ...parts.feeds(batch, epoch) })), {
      key: batch.shape.join("x"),
      iteration: epoch * batches + step,
      graph: (learned) => parts.graph(batch.shape, learned),
    });
    return (made.get("loss")!.data as Float32Array)[0] * settings.accumulate;
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

  return {
    folder,
    files,
    state,
    firstEpoch,
    record: (event) => appendFileSync(files.events, `${JSON.stringify(event)}\n`),
    trainEpoch,
    async finishEpoch(epoch) {
      const seconds = (performance.now() - progress.start) / 1000;
      // The loader goes on while the model is validated and saved.
      if (epoch + 1 < settings.epochs) loader.prepare(epoch + 1);
      await sync();
      return {
        loss: progress.sum / batches,
        lr: progress.lr,
        seconds,
        wait: progress.waitMs / 1000 / seconds,
        imagesPerSecond: progress.images / seconds,
      };
    },
    saveState: (epoch) =>
      writeSafetensors(files.state, dumpState(state), {
        epoch: String(epoch),
        best: JSON.stringify(best),
        ...(lossScale && { lossScale: JSON.stringify(lossScale) }),
      }),
    release,
  };
}

interface Beginning<Best extends object> extends Pick<PictureRunParts<Best>, "columns" | "best" | "resumedFrom"> {
  readonly state: TrainState;
  readonly lossScale?: LossScale;
}

// The run's folder and first epoch; what a run that goes on has left comes into `state` and `best`.
async function begin<Best extends object>(
  settings: PictureSettings,
  { columns, best, resumedFrom, state, lossScale }: Beginning<Best>,
) {
  const folder = resumedFrom ?? (await runFolder(settings.project, settings.name, { existOk: settings.exist_ok }));
  const files = runFiles(folder);
  if (resumedFrom === undefined) {
    await writeAtomic([
      [files.options, stringify(settings)],
      [files.results, headerOf(columns)],
      [files.events, ""],
    ]);
    return { folder, files, firstEpoch: 0 };
  }
  const { tensors, metadata } = await readSafetensors(files.state);
  restoreState(state, tensors);
  Object.assign(best, JSON.parse(metadata.best));
  if (lossScale && metadata.lossScale) Object.assign(lossScale, JSON.parse(metadata.lossScale));
  const firstEpoch = Number(metadata.epoch) + 1;
  if (firstEpoch >= settings.epochs)
    throw new UserError(`${folder}: all ${settings.epochs} epochs are done; give more with epochs=N`);
  return { folder, files, firstEpoch };
}

function failOnNan(state: TrainState, { sources }: ClassBatch): never {
  const bad = firstBadNumber(state);
  const pictures = sources.map(({ path }) => path).join(", ");
  throw new Failure(
    `the loss is not a number; first bad tensor: ${bad ?? "the loss itself"}; pictures of the batch: ${pictures}`,
  );
}
