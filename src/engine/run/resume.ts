import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { UserError } from "../../errors/index.js";
import type { Hyp, TrainSettings } from "../training/settings.js";
import { runFiles } from "./folder.js";

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
export function readResumed(given: Pick<TrainSettings, "resume" | "project">, moreEpochs = 0): Resumed {
  const folder =
    given.resume === true ? newestRun(given.project) : String(given.resume).replace(/[\\/]weights[\\/][^\\/]*$/, "");
  const files = runFiles(folder);
  for (const file of [files.options, files.hyp, files.state, files.last]) {
    if (!existsSync(file)) throw new UserError(`resume=${folder}: ${file} is missing, so this run cannot be continued`);
  }
  const settings = { ...(parse(readFileSync(files.options, "utf8")) as TrainSettings), resume: folder };
  const hyp = parse(readFileSync(files.hyp, "utf8")) as Hyp;
  return {
    folder,
    settings: moreEpochs > settings.epochs ? { ...settings, epochs: moreEpochs } : settings,
    hyp,
    weights: files.last,
  };
}

// The run whose state was written last.
function newestRun(project: string): string {
  const states = existsSync(project)
    ? readdirSync(project)
        .map((name) => runFiles(join(project, name)).state)
        .filter((file) => existsSync(file))
    : [];
  const newest = states.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  if (newest === undefined) throw new UserError(`resume: no run in ${project} that could be continued`);
  return dirname(newest);
}
