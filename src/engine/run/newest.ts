import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../../errors/index.js";

/**
 * The run of a project whose state was written last.
 * @throws UserError where there is none.
 */
export function newestRun(project: string): string {
  const states = existsSync(project)
    ? readdirSync(project)
        .map((name) => join(project, name, "state.safetensors"))
        .filter((file) => existsSync(file))
    : [];
  const newest = states.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  if (newest === undefined) throw new UserError(`resume: no run in ${project} that could be continued`);
  return dirname(newest);
}
