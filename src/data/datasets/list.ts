import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, extname, isAbsolute, join, resolve } from "node:path";
import { UserError } from "../../errors/index.js";
import { fileError, readTextFile } from "./files.js";
import { pictureEndings } from "./sniff.js";

const maxListBytes = 2 ** 28;

/**
 * The pictures that `source` stands for: those in a folder and its subfolders, those named in a .txt list, or itself.
 * Lines of a list that start with `./` are relative to the list; others to the first of `roots` (or of the list's and
 * the working folder) that has them.
 */
export function listPictures(source: string, { roots = [] }: { roots?: readonly string[] } = {}): string[] {
  if (isFolder(source)) return walk(resolve(source), new Set());
  if (/\.txt$/i.test(source)) return readList(source, roots);
  if (isPicture(source)) return [resolve(source)];
  throw new UserError(`${source}: expected a folder, a .txt list or a picture`);
}

/** Whether a file's ending is one of a picture. */
export const isPicture = (path: string): boolean => pictureEndings.has(extname(path).slice(1).toLowerCase());

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw fileError(path, error);
  }
}

// Hidden files and folders are left out. Links are followed, but no folder is entered twice.
function walk(folder: string, seen: Set<string>): string[] {
  const real = realpathSync(folder);
  if (seen.has(real)) return [];
  seen.add(real);
  return entriesOf(folder).flatMap((entry) => {
    if (entry.name.startsWith(".")) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory() || (entry.isSymbolicLink() && leadsToFolder(path))) return walk(path, seen);
    return isPicture(entry.name) ? [path] : [];
  });
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw fileError(folder, error);
  }
}

const leadsToFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();

function readList(list: string, roots: readonly string[]): string[] {
  const own = dirname(resolve(list));
  const lines = readTextFile(list, { maxBytes: maxListBytes }).split(/\r\n|\r|\n/);
  return lines.flatMap((line) => {
    const path = line.trim();
    if (path === "" || !isPicture(path)) return [];
    if (isAbsolute(path)) return [path];
    if (path.startsWith("./")) return [join(own, path)];
    const places = [...roots, own, process.cwd()].map((root) => join(root, path));
    return [places.find((place) => existsSync(place)) ?? places[0]];
  });
}
