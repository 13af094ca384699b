import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { suggestion, UserError } from "../../errors/index.js";
import { listPictures } from "./list.js";
import { readYaml } from "./yamlFile.js";
import type { YamlDocument } from "./yamlText.js";

/** The parts that a data set is split into. */
export type Split = "train" | "val" | "test";

/** A data set as its YAML file describes it. */
export interface Dataset {
  /** The YAML file. */
  readonly file: string;
  /** The folder that the YAML's paths start from. */
  readonly path: string;
  /** The pictures of each split, absolute paths, sorted; none for a split that the YAML does not name. */
  readonly splits: Readonly<Record<Split, readonly string[]>>;
  readonly names: readonly string[];
  /** How many classes there are. */
  readonly nc: number;
  /** The text of a `download` entry, which is never run. */
  readonly download?: string;
  /** What looks like a mistake in the YAML but does not keep it from being used. */
  readonly warnings: readonly string[];
}

const splits = ["train", "val", "test"] as const;
const known = ["path", ...splits, "names", "nc", "download"];

/**
 * Reads a data set's YAML and lists its pictures. The splits of `need` must be there; the others come out empty where
 * they are not. With "named" all those must be there that the YAML names. A UserError says which entry is wrong or what was looked for. Nothing is ever downloaded or run.
 */
export function readDataset(
  file: string,
  { need = ["train", "val"] }: { need?: readonly Split[] | "named" } = {},
): Dataset {
  const yaml = readYaml(file);
  const entries = readEntries(yaml);
  const names = readNames(yaml, entries);
  checkCount(yaml, entries, names.length);
  const download = typeof entries.download === "string" ? entries.download : undefined;
  const roots = rootsOf(yaml, entries);
  const list = (split: Split) => {
    const source = entries[split] ?? undefined;
    const needed = need === "named" ? source !== undefined : need.includes(split);
    return listSplit(yaml, { split, source, roots, needed });
  };
  return {
    file,
    path: roots.find((root) => existsSync(root)) ?? roots[0],
    splits: { train: list("train"), val: list("val"), test: list("test") },
    names,
    nc: names.length,
    download,
    warnings: oddKeys(yaml, entries),
  };
}

function readEntries(yaml: YamlDocument): Record<string, unknown> {
  const { value } = yaml;
  if (isRecord(value)) return value;
  throw new UserError(`${yaml.file}: ${value === null ? "empty" : "no map"}, expected a data set: train, val, names`);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function readNames(yaml: YamlDocument, { names, ...others }: Record<string, unknown>): string[] {
  if (names === undefined) {
    throw new UserError(`${yaml.file}: no names, expected the list of classes${hint("names", others)}`);
  }
  if (typeof names !== "object" || names === null || Object.keys(names).length === 0) {
    throw new UserError(`${yaml.place("names")}: names: expected a list of classes, or a map from 0, 1, ... to them`);
  }
  const count = Object.keys(names).length;
  const gap = Array.from({ length: count }, (_, i) => i).find((i) => !Object.hasOwn(names, i));
  if (gap !== undefined) {
    throw new UserError(`${yaml.place("names")}: names: no class ${gap}, expected keys 0 to ${count - 1}`);
  }
  return Array.from({ length: count }, (_, i) => {
    const name = yaml.text("names", i)?.trim();
    if (name) return name;
    throw new UserError(`${yaml.place("names", i)}: names: class ${i} has no name`);
  });
}

function checkCount(yaml: YamlDocument, { nc }: Record<string, unknown>, count: number): void {
  if (nc === undefined || nc === null || nc === count) return;
  const got = typeof nc === "number" ? `nc is ${nc}` : "nc is no number";
  throw new UserError(`${yaml.place("nc")}: ${got}, but names has ${count} classes`);
}

// Paths start from the YAML's `path`, which is relative to the YAML's own folder or else to the working folder.
function rootsOf(yaml: YamlDocument, { path }: Record<string, unknown>): string[] {
  if (path !== undefined && path !== null && typeof path !== "string") {
    throw new UserError(`${yaml.place("path")}: path: expected a folder`);
  }
  const root = path ?? ".";
  return isAbsolute(root) ? [root] : [...new Set([resolve(dirname(yaml.file), root), resolve(root)])];
}

function listSplit(
  yaml: YamlDocument,
  { split, source, roots, needed }: { split: Split; source: unknown; roots: readonly string[]; needed: boolean },
): string[] {
  if (source === undefined) {
    if (!needed) return [];
    const keys = isRecord(yaml.value) ? yaml.value : {};
    throw new UserError(`${yaml.file}: no ${split}, expected where its pictures are${hint(split, keys)}`);
  }
  const all: string[] = [];
  for (const [i, part] of (Array.isArray(source) ? source : [source]).entries()) {
    const place = Array.isArray(source) ? yaml.place(split, i) : yaml.place(split);
    if (typeof part !== "string")
      throw new UserError(`${place}: ${split}: expected a folder, a .txt list or a list of those`);
    const found = locate(part, roots);
    if (found === undefined && !needed) continue;
    if (found === undefined) throw new UserError(`${place}: ${split}: ${missing(part, roots, yaml)}`);
    for (const picture of listPictures(found, { roots })) all.push(picture);
  }
  if (needed && all.length === 0) {
    throw new UserError(
      `${yaml.place(split)}: ${split}: no pictures in ${[source].flat().join(", ")} (from ${roots[0]})`,
    );
  }
  return all.sort();
}

// Data sets exported for another layout often say ../train/images where train/images is meant.
function candidates(part: string, roots: readonly string[]): string[] {
  if (isAbsolute(part)) return [part];
  const inside = part.startsWith("../") ? roots.map((root) => join(root, part.slice(3))) : [];
  return [...roots.map((root) => join(root, part)), ...inside];
}

const locate = (part: string, roots: readonly string[]) => candidates(part, roots).find((path) => existsSync(path));

function missing(part: string, roots: readonly string[], { value }: YamlDocument): string {
  const told = isRecord(value) && value.download ? "; its download entry is never run, fetch the data yourself" : "";
  return `no "${part}" (looked for ${candidates(part, roots).join(", ")})${told}`;
}

function oddKeys(yaml: YamlDocument, entries: Record<string, unknown>): string[] {
  const unknown = Object.keys(entries).filter((key) => !known.includes(key));
  return unknown.flatMap((key) => {
    const meant = suggestion(
      key,
      known.filter((name) => !(name in entries)),
    );
    return meant ? [`${yaml.place(key)}: unknown key "${key}"${meant}`] : [];
  });
}

// The key that is there and probably meant to be `name`.
function hint(name: string, entries: Record<string, unknown>): string {
  const unknown = Object.keys(entries).filter((key) => !known.includes(key));
  const [near] = unknown.filter((key) => suggestion(key, [name]) !== "");
  return near === undefined ? "" : ` (found the unknown key "${near}")`;
}
