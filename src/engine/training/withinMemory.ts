import { readDataset } from "../../data/index.js";
import { type BlockDefinition, buildModel, type DetectionModel } from "../../nn/index.js";
import { availableMemory } from "../machineMemory.js";
import { openModel, readModelFile } from "../model.js";
import { type Fit, fitMemory, gigabytes } from "./fit.js";
import { type Hyp, loadersOf, sizeFor, type TrainSettings } from "./settings.js";
import type { Recompute } from "./steps.js";

interface Source {
  readonly hyp: Hyp;
  readonly extra?: readonly BlockDefinition[];
  /** Weights of a resumed run. */
  readonly weights?: string;
}

/** Settings in which nothing is left to choose. */
export interface PlannedSettings extends TrainSettings {
  readonly recompute: Recompute;
}

/**
 * Settings that fit into the memory given or there is, and a line about what was changed for it.
 * @throws UserError when they do not fit and nothing that was left open makes them.
 */
export async function withinMemory(
  settings: TrainSettings,
  source: Source,
): Promise<{ settings: PlannedSettings; message?: string; keep?: 1 | 2 }> {
  // Elsewhere than on the CPU another memory counts, which is not planned.
  if (settings.device !== "cpu") return { settings: { ...settings, recompute: settled(settings) } };
  const { batch, imgsz, open = [], optimizer } = settings;
  const limit = settings.memory ?? availableMemory();
  const model = await modelOf(settings, source);
  const { imgsz: size } = sizeFor(imgsz, model.stride);
  const fit = fitMemory({
    model,
    limit,
    source: settings.memory === undefined ? "the memory available" : "memory=",
    nominalBatch: batch,
    batch: open.includes("batch") ? undefined : batch,
    nominalSize: size,
    imgsz: open.includes("imgsz") ? undefined : size,
    recompute: settings.recompute,
    optimizer,
    workers: loadersOf(settings),
  });
  const chosen = {
    ...settings,
    batch: fit.batch,
    imgsz: fit.imgsz === size ? imgsz : fit.imgsz,
    recompute: fit.recompute,
    open: [],
  };
  const asked = settings.memory !== undefined || open.length > 0 || settings.recompute === "auto";
  return { settings: chosen, keep: fit.keep, ...(asked && { message: describe(fit, limit) }) };
}

const settled = ({ recompute }: TrainSettings) => (recompute === "auto" ? "none" : recompute);

async function modelOf(settings: TrainSettings, { hyp, extra, weights }: Source): Promise<DetectionModel> {
  const from = weights ?? (settings.model === undefined ? settings.weights : undefined);
  const { names } = readDataset(settings.data);
  if (from !== undefined || hyp.anchors) {
    const given = from === undefined ? { model: settings.model } : { weights: from };
    return (await openModel({ ...given, names, extra, anchors: weights ? undefined : hyp.anchors })).model;
  }
  const { yaml, place } = readModelFile(settings.model!);
  return buildModel(yaml, { nc: names.length, place, extra });
}

function describe({ batch, imgsz, recompute, bytes }: Fit, limit: number): string {
  const how = typeof recompute === "object" ? `${recompute.length} blocks` : String(recompute);
  return `memory: batch=${batch} imgsz=${imgsz} recompute=${how} takes about ${gigabytes(bytes)} of ${gigabytes(limit)}`;
}
