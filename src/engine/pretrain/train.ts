import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rng, writePicture } from "../../data/index.js";
import { countParameters } from "../../nn/index.js";
import { keepWeights, trainedOn } from "../run/checkpoint.js";
import { plotResults } from "../run/plots.js";
import { resultsLine } from "../run/results.js";
import { loadRuntime } from "../runtime.js";
import type { SavingCase, SavingNetwork } from "../training/fitSaving.js";
import { type EpochRun, runEpochs } from "../training/loop.js";
import { openRun, type RunContext, type RunParts } from "../training/openRun.js";
import { openPictureRun } from "../training/pictureRun.js";
import { loadersOf } from "../training/settings.js";
import { averagedWeights } from "../training/state.js";
import { createEvaluation, type Reconstructed } from "./evaluate.js";
import type { PretrainBatch, PretrainEnd, PretrainEpoch, PretrainEvent } from "./events.js";
import { estimateSimmim } from "./memory.js";
import { type PreparedPretraining, preparePretraining } from "./prepare.js";
import { type PretrainWish, pretrainSchedule } from "./settings.js";
import { reconstructionSheet } from "./sheet.js";
import { hide, pretrainStepGraph } from "./step.js";

/** Columns of results.csv. */
export const pretrainColumns = ["epoch", "train/loss", "val/loss", "lr/0"] as const;

/** Pretrains a Swin Transformer on pictures without labels; leaving the loop early stops it with all files whole. */
export async function* pretrain(wish: PretrainWish, context: RunContext): AsyncGenerator<PretrainEvent> {
  yield* runEpochs(await openRun(wish, context, { prepare: preparePretraining, saving, build: buildRun }));
}

function saving({ loaded: { model }, settings }: PreparedPretraining): SavingNetwork {
  const { optimizer } = settings;
  const workers = loadersOf(settings);
  const estimate = (wanted: SavingCase) => estimateSimmim({ model, optimizer, workers, ...wanted }).total;
  return { network: model.encoder, estimate };
}

interface Best {
  epoch: number;
  loss: number;
}

async function buildRun(
  { settings, loaded, pictures, train, val, messages, close }: RunParts<PreparedPretraining>,
  { signal }: RunContext,
  resumedFrom: string | undefined,
): Promise<EpochRun<PretrainEvent>> {
  const { model } = loaded;
  const runtime = await loadRuntime();
  const session = { device: settings.device, threads: settings.threads };
  const { accumulate, recompute, sequential, half, seed } = settings;
  const best: Best = { epoch: 0, loss: Number.MAX_VALUE };
  const run = await openPictureRun(runtime, {
    settings,
    model,
    weights: loaded.weights,
    loader: train,
    schedule: pretrainSchedule(settings, train.batches / accumulate),
    graph: (images, learned) => pretrainStepGraph(model, { images, learned, accumulate, recompute, sequential, half }),
    feeds: (batch, epoch) =>
      hide(batch, settings, { patch: model.patch, rngOf: (index) => rng(seed, "mask", epoch, index) }),
    columns: pretrainColumns,
    best,
    resumedFrom,
    signal,
  });
  const { folder, files, state, firstEpoch, record } = run;
  const evaluation = createEvaluation(runtime, model, { settings, session });

  async function* opening(): AsyncGenerator<PretrainEvent> {
    train.prepare(firstEpoch);
    for (const message of messages) yield { type: "report", message };
    const start = {
      type: "start",
      task: "pretrain",
      run: folder,
      images: pictures,
      batches: train.batches,
      epochs: settings.epochs,
      parameters: countParameters(model.module),
      recipe: settings.recipe,
      ...(resumedFrom !== undefined && { resumedFrom: firstEpoch }),
    } as const;
    record(start);
    yield start;
  }

  async function* trainEpoch(epoch: number): AsyncGenerator<PretrainBatch> {
    for await (const { progress } of run.trainEpoch(epoch)) yield { type: "batch", task: "pretrain", ...progress };
  }

  async function finishEpoch(epoch: number): Promise<{ event: PretrainEpoch; messages: readonly string[] }> {
    const last = epoch === settings.epochs - 1;
    const figures = await run.finishEpoch(epoch);
    const drawn =
      !settings.noplots && (last || (settings.sheet_period > 0 && (epoch + 1) % settings.sheet_period === 0));
    const judged = !settings.noval || drawn || last;
    const result = judged ? await evaluation.run(averagedWeights(state), val, { signal }) : undefined;
    const valLoss = result?.loss;
    appendFileSync(files.results, resultsLine([epoch, figures.loss, valLoss ?? 0, figures.lr]));
    const better = valLoss !== undefined && valLoss <= best.loss;
    if (better) Object.assign(best, { epoch: epoch + 1, loss: valLoss });
    if (drawn && result) await draw(epoch, result.first);
    if (!settings.nosave || last) await save(epoch, { better, valLoss });
    const event: PretrainEpoch = {
      type: "epoch",
      task: "pretrain",
      epoch: epoch + 1,
      epochs: settings.epochs,
      ...figures,
      ...(valLoss !== undefined && { valLoss }),
    };
    record(event);
    return { event, messages: [] };
  }

  const draw = (epoch: number, first: Reconstructed): Promise<void> =>
    writePicture(reconstructionSheet(first, settings), join(folder, `reconstruction_epoch${epoch + 1}.png`));

  async function save(epoch: number, { better, valLoss }: { better: boolean; valLoss?: number }): Promise<void> {
    const weights = averagedWeights(state);
    const { mask_patch, mask_ratio, norm_target } = settings;
    const info = {
      task: "pretrain",
      model: loaded.yaml,
      names: [],
      imgsz: settings.imgsz,
      hyp: { mask_patch, mask_ratio, norm_target },
      epoch: epoch + 1,
      ...(valLoss !== undefined && { metrics: { loss: valLoss } }),
      provenance: trainedOn(settings.data, { seed: String(seed) }),
    };
    await keepWeights(files, weights, info, { epoch: epoch + 1, better, period: settings.save_period });
    await run.saveState(epoch);
  }

  async function end(): Promise<PretrainEnd> {
    if (!settings.noplots) await plotResults(folder, readFileSync(files.results, "utf8"), pretrainColumns.slice(1));
    const event = {
      type: "end",
      task: "pretrain",
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
      await evaluation.release();
      await close();
    },
  };
}
