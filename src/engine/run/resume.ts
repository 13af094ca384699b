import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { UserError } from "../../errors/index.js";
import type { Hyp, TrainSettings } from "../training/settings.js";
import { runFiles } from "./folder.js";
import { newestRun } from "./newest.js";

/** A run that is gone on with. */
export interface Resumed {
  readonly folder: string;
  readonly settings: TrainSettings;
  readonly hyp: Hyp;
  /** The weights that bring model and anchors. */
  readonly weights: string;
}

/**
 * Reads what a stopped run left: its own settings and hyper-parameters; `moreEpochs` lengthens it.
 * @throws UserError when it left too little.
 */
export function readResumed(given: ResumeWish, moreEpochs = 0): Resumed {
  const folder = resumedFolder(given);
  const files = runFiles(folder);
  checkFiles(folder, [files.options, files.hyp, files.state, files.last]);
  const hyp = parse(readFileSync(files.hyp, "utf8")) as Hyp;
  return { folder, settings: readSettings<TrainSettings>(folder, moreEpochs), hyp, weights: files.last };
}

type ResumeWish = Pick<TrainSettings, "resume" | "project">;

/**
 * The folder of the run that `resume` names: itself, one of its weights, or the newest of the project.
 * @throws UserError where there is none.
 */
export const resumedFolder = ({ resume, project }: ResumeWish): string =>
  resume === true ? newestRun(project) : String(resume).replace(/[\\/]weights[\\/][^\\/]*$/, "");

/** @throws UserError naming the file that a run needs to be gone on with. */
export function checkFiles(folder: string, files: readonly string[]): void {
  for (const file of files) {
    if (!existsSync(file)) throw new UserError(`resume=${folder}: ${file} is missing, so this run cannot be continued`);
  }
}

/** The settings that a run was started with, with more epochs where those are more. */
export function readSettings<S extends { readonly epochs: number }>(folder: string, moreEpochs = 0): S {
  const settings = { ...(parse(readFileSync(runFiles(folder).options, "utf8")) as S), resume: folder };
  return moreEpochs > settings.epochs ? { ...settings, epochs: moreEpochs } : settings;
}

/** The settings of the run that goes on, with its folder and last weights; without `resume` what was wished. */
export function settingsOrResumed<Wish extends { readonly project: string }, S extends Wish & { epochs: number }>(
  wish: Wish,
  { resume, moreEpochs }: { resume?: string | boolean; moreEpochs?: number },
): { readonly wish: Wish; readonly folder?: string; readonly last?: string } {
  if (!resume) return { wish };
  const folder = resumedFolder({ resume, project: wish.project });
  const { options, state, last } = runFiles(folder);
  checkFiles(folder, [options, state, last]);
  return { wish: readSettings<S>(folder, moreEpochs), folder, last };
}
