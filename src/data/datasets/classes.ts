import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../errors/index.js";
import { rng } from "../rng.js";
import { mapConcurrent } from "./concurrent.js";
import { fileError } from "./files.js";
import type { Problem } from "./labels.js";
import { listPictures } from "./list.js";
import { type Entry, inspectSize } from "./scan.js";
import type { Split } from "./yaml.js";

/** A picture and the number of its class. */
export interface ClassPicture {
  readonly path: string;
  readonly label: number;
}

/** A data set of class folders: `train/NAME/*`, `val/NAME/*` or `test/NAME/*`, or `NAME/*` alone. */
export interface ClassFolders {
  readonly path: string;
  /** Names of the folders, sorted. */
  readonly names: readonly string[];
  readonly splits: Readonly<Record<Split, readonly ClassPicture[]>>;
  /** What to say about how the pictures were split or what was passed over. */
  readonly messages: readonly string[];
}

/** The share of every class that is kept for validation where the folder is not split. */
const heldOut = 0.2;

/**
 * Lists a folder's classes and their pictures. Without `val` the pictures of `test` stand for it; a folder of class folders
 * alone is split, a fifth of every class for validation, by `seed`.
 * @throws UserError that says which folder was looked at and what was expected.
 */
export function readClassFolders(
  folder: string,
  {
    need = ["train", "val"],
    seed = 0,
    names: known,
  }: { need?: readonly Split[]; seed?: number; names?: readonly string[] } = {},
): ClassFolders {
  const path = resolve(folder);
  const inside = foldersOf(path);
  const parts = (["train", "val", "test"] as const).filter((split) => inside.includes(split));
  if (parts.length === 0) return unsplit(path, inside, { seed, known });
  const names = known ?? foldersOf(join(path, parts[0]));
  if (names.length === 0) throw new UserError(`${join(path, parts[0])}: no folders, expected one for each class`);
  const [messages, splits] = [[] as string[], { train: [], val: [], test: [] } as Record<Split, ClassPicture[]>];
  for (const part of parts) {
    const unknown = foldersOf(join(path, part)).filter((name) => !names.includes(name));
    if (unknown.length > 0)
      throw new UserError(`${join(path, part, unknown[0])}: no class of that name (${listed(names)})`);
    splits[part] = names.flatMap((name, label) => picturesOf(join(path, part, name), label));
    const empty = names.filter((_, label) => !splits[part].some((picture) => picture.label === label));
    if (empty.length > 0) messages.push(`${part}: no pictures of ${listed(empty)}`);
  }
  if (splits.val.length === 0 && parts.includes("test") && need.includes("val")) {
    splits.val = splits.test;
    messages.push("there is no val folder: test is validated on");
  }
  for (const split of need) {
    if (splits[split].length > 0) continue;
    throw new UserError(
      `${join(path, split)}: no pictures, expected ${split}/CLASS/*.jpg${split === "val" ? " (or test)" : ""}`,
    );
  }
  return { path, names, splits, messages };
}

function unsplit(
  path: string,
  names: readonly string[],
  { seed, known = names }: { seed: number; known?: readonly string[] },
): ClassFolders {
  if (names.length === 0) {
    throw new UserError(`${path}: no folders, expected train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg`);
  }
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UserError(`${join(path, unknown)}: no class of that name (${listed(known)})`);
  const splits = { train: [] as ClassPicture[], val: [] as ClassPicture[], test: [] };
  for (const [label, name] of known.entries()) {
    const pictures = rng(seed, "split", name).shuffle(picturesOf(join(path, name), label));
    const count = Math.min(Math.max(Math.round(pictures.length * heldOut), 1), pictures.length - 1);
    const byPath = (a: ClassPicture, b: ClassPicture) => (a.path < b.path ? -1 : 1);
    splits.val.push(...pictures.slice(0, count).sort(byPath));
    splits.train.push(...pictures.slice(count).sort(byPath));
  }
  if (splits.train.length === 0 || splits.val.length === 0) {
    throw new UserError(`${path}: no class folder has two pictures or more (looked into ${listed(names)})`);
  }
  const counts = `${splits.train.length} pictures to train on, ${splits.val.length} to validate on`;
  return {
    path,
    names: known,
    splits,
    messages: [`${basename(path)} has no train folder: split by seed ${seed}, ${counts}`],
  };
}

const listed = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", ");

const picturesOf = (folder: string, label: number): ClassPicture[] =>
  existsSync(folder)
    ? listPictures(folder)
        .sort()
        .map((path) => ({ path, label }))
    : [];

/** Names of the folders in a folder, hidden ones left out, in the order of their code units, as Python sorts. */
export function foldersOf(folder: string): string[] {
  try {
    if (!statSync(folder).isDirectory()) throw new UserError(`${folder}: a file, expected a folder of class folders`);
    return readdirSync(folder)
      .filter((name) => !name.startsWith(".") && statSync(join(folder, name)).isDirectory())
      .sort();
  } catch (error) {
    throw fileError(folder, error);
  }
}

/**
 * Which pictures of a split can be used: their sizes, as entries with one object that fills the picture. With `whole` every
 * picture is decoded.
 */
export async function scanClasses(
  pictures: readonly ClassPicture[],
  { onProgress, whole }: { onProgress?: (done: number, total: number) => void; whole?: boolean } = {},
): Promise<{ entries: Entry[]; problems: Problem[] }> {
  let done = 0;
  const found = await mapConcurrent(
    pictures,
    async ({ path, label }) => {
      const { width, height, problem } = await inspectSize(path, { whole });
      onProgress?.(++done, pictures.length);
      const labels = { classes: Int32Array.of(label), boxes: Float32Array.of(0.5, 0.5, 1, 1) };
      return { problem, entry: problem ? undefined : { path, width, height, labels } };
    },
    { limit: 8 },
  );
  const problems = found.flatMap(({ problem }) => problem ?? []);
  const entries = found.flatMap(({ entry }) => entry ?? []);
  if (entries.length === 0)
    throw new UserError(
      problems[0] ? `no picture can be used; ${problems[0].file}: ${problems[0].what}` : "no pictures",
    );
  return { entries, problems };
}
