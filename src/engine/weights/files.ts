import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf, UserError } from "../../errors/index.js";
import type { HostArray } from "../../graph/index.js";
import { type PtFile, parsePt } from "./pt.js";
import { encodePt } from "./ptWrite.js";
import { encodeSafetensors, parseSafetensors, type Safetensors } from "./safetensors.js";

/** Reads a safetensors file; a UserError names the file. */
export async function readSafetensors(file: string): Promise<Safetensors> {
  return inFile(file, parseSafetensors, await readBytes(file));
}

/** Reads a PyTorch file; a UserError names the file. */
export async function readPt(file: string): Promise<PtFile> {
  return inFile(file, parsePt, await readBytes(file));
}

/** Writes a safetensors file, whole or not at all. */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, HostArray>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomic([[file, encodeSafetensors(tensors, metadata)]]);
}

/** Writes a PyTorch state_dict, whole or not at all. */
export async function writePt(file: string, tensors: ReadonlyMap<string, HostArray>): Promise<void> {
  await writeAtomic([[file, encodePt(tensors)]]);
}

/**
 * Writes files that belong together: each to a temporary file beside it, flushed to the disk, then all renamed. What fails
 * before the renames changes nothing and leaves nothing; a UserError names the file. Folders are made as needed.
 */
export async function writeAtomic(
  files: readonly (readonly [file: string, contents: Uint8Array | string])[],
): Promise<void> {
  const written: { from: string; to: string }[] = [];
  let current = "";
  try {
    for (const [file, contents] of files) {
      current = file;
      await makeFolder(dirname(file));
      const from = join(dirname(file), `.${basename(file)}.${randomUUID().slice(0, 8)}.tmp`);
      written.push({ from, to: file });
      await writeFlushed(from, contents);
    }
    for (const { from, to } of written) {
      current = to;
      await rename(from, to);
    }
  } catch (error) {
    await Promise.all(written.map(({ from }) => rm(from, { force: true })));
    throw fileError(current, error, "written");
  }
}

/** The bytes of a file; a UserError names it where it cannot be read. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw fileError(file, error, "read");
  }
}

/** Runs `parse`; what a UserError says gets the file's name in front. */
export function inFile<T>(file: string, parse: (bytes: Uint8Array) => T, bytes: Uint8Array): T {
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function writeFlushed(file: string, contents: Uint8Array | string): Promise<void> {
  const handle = await open(file, "wx");
  try {
    await handle.writeFile(contents);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function fileError(file: string, error: unknown, what: "read" | "written"): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  if (code === undefined) return error;
  return new UserError(`${file}: cannot be ${what}: ${reasons[code] ?? messageOf(error)}`, { cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is a file",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
};

/** Makes a folder and those above it, one by one: Node's own recursive way never ends where the system refuses (/proc). */
export async function makeFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.push(at);
  for (const at of missing.reverse()) {
    await mkdir(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
