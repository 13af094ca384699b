import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { UserError } from "../../errors/index.js";
import { makeFolder } from "../weights/files.js";

/**
 * The folder of a run: `project/name`, or the first of name2, name3, ... that is free; made. With `existOk` the folder is
 * taken as it is.
 * @throws UserError when it cannot be made.
 */
export async function runFolder(project: string, name: string, { existOk = false } = {}): Promise<string> {
  const base = resolve(project, name);
  let folder = base;
  for (let n = 2; !existOk && existsSync(folder); n++) folder = `${base}${n}`;
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new UserError(`${folder}: no folder can be made here (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
  return folder;
}

/** The files of a training run. */
export const runFiles = (folder: string) => ({
  last: join(folder, "weights", "last.safetensors"),
  best: join(folder, "weights", "best.safetensors"),
  epoch: (epoch: number) => join(folder, "weights", `epoch${epoch}.safetensors`),
  state: join(folder, "state.safetensors"),
  results: join(folder, "results.csv"),
  events: join(folder, "events.jsonl"),
  options: join(folder, "opt.yaml"),
  hyp: join(folder, "hyp.yaml"),
});
