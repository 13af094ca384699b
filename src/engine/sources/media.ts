import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { globSync } from "tinyglobby";
import { isPicture } from "../../data/index.js";
import { UserError } from "../../errors/index.js";

const videoEndings = new Set(["asf", "avi", "gif", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "wmv", "webm"]);

/** Whether a file's name is that of a video. */
export const isVideo = (path: string): boolean => videoEndings.has(extname(path).slice(1).toLowerCase());

/**
 * The pictures, then the videos that a source stands for: a file, a folder (not its folders), a glob pattern, or a .txt file
 * with one of those a line.
 * @throws UserError when there is nothing of that name, or nothing that can be looked at.
 */
export function listMedia(source: string): string[] {
  const files = expand(source, 0);
  const pictures = files.filter((file) => isPicture(file) && !isVideo(file)).sort();
  const videos = files.filter(isVideo).sort();
  if (pictures.length + videos.length === 0) {
    throw new UserError(
      `source=${source}: no pictures (jpg, png, webp, bmp, tif, avif) or videos (${[...videoEndings].join(", ")}) there`,
    );
  }
  return [...pictures, ...videos];
}

function expand(source: string, depth: number): string[] {
  if (/^[a-z]+:\/\//i.test(source))
    throw new UserError(`source=${source}: streams and addresses are not read; give files`);
  if (existsSync(source)) {
    if (statSync(source).isDirectory()) return folderFiles(source);
    if (/\.txt$/i.test(source)) return fromList(source, depth);
    return [source];
  }
  if (/[*?[\]{}]/.test(source)) {
    const found = globFiles(source);
    if (found.length > 0) return found;
  }
  throw new UserError(`source=${source}: no such file, folder or pattern`);
}

function fromList(file: string, depth: number): string[] {
  if (depth > 0) throw new UserError(`source=${file}: a list inside a list`);
  const lines = readFileSync(file, "utf8").split(/\r?\n/);
  return lines.flatMap((line, i) => {
    const entry = line.trim();
    if (entry === "" || entry.startsWith("#")) return [];
    const path = entry.startsWith("./") ? join(dirname(file), entry) : entry;
    try {
      return expand(path, depth + 1);
    } catch (error) {
      throw error instanceof UserError ? new UserError(`${file}:${i + 1}: ${error.message}`) : error;
    }
  });
}

const folderFiles = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(folder, entry.name));

const globFiles = (pattern: string): string[] => globSync(pattern, { onlyFiles: true, expandDirectories: false });
