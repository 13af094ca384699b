import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suggestion, UserError } from "../../errors/index.js";

/** The folder of configurations that the package ships. */
export const configsFolder = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return join(folder, "configs");
};

/** A model YAML: as the path says, else the one of that name that we ship. */
export const resolveModelFile = (file: string): string => resolve(file, "models");

/** A file of hyper-parameters: as the path says, else the one of that name that we ship. */
export const resolveHypFile = (file: string): string => resolve(file, "hyps");

function resolve(file: string, kind: "models" | "hyps"): string {
  if (existsSync(file)) return file;
  const folder = join(configsFolder(), kind);
  const name = /\.ya?ml$/.test(file) ? file : `${file}.yaml`;
  const shipped = join(folder, name);
  if (basename(file) === file && existsSync(shipped)) return shipped;
  const near = suggestion(name, readdirSync(folder));
  throw new UserError(`${file}: no such file, and no configuration of that name in configs/${kind}${near}`);
}
