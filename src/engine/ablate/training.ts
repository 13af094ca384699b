import { existsSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { UserError } from "../../errors/index.js";
import type { ClassifyEvent } from "../classify/events.js";
import { trainClassifier } from "../classify/train.js";
import { parseClassifyOptions } from "../config/index.js";
import { runFiles } from "../run/folder.js";
import { readSettings } from "../run/resume.js";
import { sidecarOf } from "../weights/load.js";
import type { AblateSettings } from "./index.js";

type Training = Pick<AblateSettings, "epochs" | "batch" | "lr0" | "cache" | "device" | "threads" | "workers"> & {
  readonly data: string;
  readonly model: string;
  readonly folder: string;
  readonly seed: number;
  readonly amplitude?: boolean;
};

/**
 * The training of one variant: nothing where its folder has it already, the rest where it was stopped.
 * @throws UserError where it was begun with other epochs.
 */
export function trainVariant({ folder, ...given }: Training) {
  const { last, state, options } = runFiles(folder);
  const begun = existsSync(state) && existsSync(last) && existsSync(options);
  const epochs = begun ? readSettings<{ epochs: number }>(folder).epochs : given.epochs;
  if (epochs !== given.epochs)
    throw new UserError(`${folder}: a run of ${epochs} epochs, expected ${given.epochs}; name=X keeps them apart`);
  const done = begun && epochsOf(last) >= epochs;
  return { done, events: (signal?: AbortSignal) => eventsOf({ ...given, folder }, { begun, done, signal }) };
}

async function* eventsOf(
  { folder, data, model, seed, epochs, batch, lr0, cache, device, threads, workers, amplitude }: Training,
  { begun, done, signal }: { begun: boolean; done: boolean; signal?: AbortSignal },
): AsyncGenerator<ClassifyEvent> {
  if (done) return;
  const wish = parseClassifyOptions("train", {
    ...{ data, model, seed, epochs, batch, lr0, cache, device, threads, workers, amplitude },
    ...{ project: dirname(folder), name: basename(folder), exist_ok: true, noplots: true, patience: 0 },
  });
  yield* trainClassifier(wish, { resume: begun ? folder : undefined, signal });
}

const epochsOf = (weights: string): number =>
  (JSON.parse(readFileSync(sidecarOf(weights), "utf8")) as { epoch?: number }).epoch ?? 0;
