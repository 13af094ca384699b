import { randomUUID } from "node:crypto";
import { existsSync, readSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf, UserError } from "../../errors/index.js";
import type { HostArray } from "../../graph/index.js";
import { machineMemory } from "../machineMemory.js";
import { type ByteSource, sourceOf } from "./bytes.js";
import { type PtFile, parsePt } from "./pt.js";
import { encodePt } from "./ptWrite.js";
import { parseSafetensors, type Safetensors, safetensorsParts } from "./safetensors.js";

/** Reads a safetensors file of any size; a UserError names the file. */
export function readSafetensors(file: string): Promise<Safetensors> {
  return readFrom(file, (source) => parseSafetensors(source, { memory: machineMemory() }));
}

/** Reads a PyTorch file of any size; a UserError names the file. */
export function readPt(file: string): Promise<PtFile> {
  return readFrom(file, (source) => parsePt(source, { memory: machineMemory() }));
}

/** Writes a safetensors file of any size, whole or not at all. The tensors must stay as they are until it is written. */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, HostArray>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomic([[file, safetensorsParts(tensors, metadata)]]);
}

/** Writes a PyTorch state_dict, whole or not at all. */
export async function writePt(file: string, tensors: ReadonlyMap<string, HostArray>): Promise<void> {
  await writeAtomic([[file, encodePt(tensors)]]);
}

/** What a file is to hold: bytes, text, or bytes in pieces, one after another. */
export type Contents = Uint8Array | string | readonly Uint8Array[];

/**
 * Writes files that belong together: each to a temporary file beside it, flushed to the disk, then all renamed. What fails
 * before the renames changes nothing and leaves nothing; a UserError names the file. Folders are made as needed.
 */
export async function writeAtomic(files: readonly (readonly [file: string, contents: Contents])[]): Promise<void> {
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

/** How files are read. */
export interface PieceOptions {
  /** Most bytes that are asked for at once; the system gives 2 GiB at most. */
  readonly piece?: number;
}

/** What `parse` makes of a file, whose bytes are read as it asks for them; a UserError names the file. */
export async function readFrom<T>(
  file: string,
  parse: (source: ByteSource) => T,
  { piece = 2 ** 30 }: PieceOptions = {},
): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const found = await handle.stat();
    // What is no plain file, a pipe say, has no length beforehand; a folder says what it is when it is read.
    return parse(found.isFile() ? openedFile(handle.fd, found.size, piece) : sourceOf(await handle.readFile()));
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${file}: ${error.message}`, { cause: error });
    throw isSystemError(error) ? fileError(file, error, "read") : error;
  } finally {
    await handle?.close();
  }
}

function openedFile(fd: number, length: number, piece: number): ByteSource {
  return {
    length,
    read(start, end) {
      const bytes = arrayOf(end - start);
      for (let at = 0; at < bytes.length; ) {
        const count = readSync(fd, bytes.subarray(at, at + piece), { position: start + at });
        if (count === 0) throw new UserError(`cut off at byte ${start + at} while it was read`);
        at += count;
      }
      return bytes;
    },
  };
}

function arrayOf(length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (error) {
    throw new UserError(`${length} bytes in one piece do not fit into memory`, { cause: error });
  }
}

const isSystemError = (error: unknown): boolean => error instanceof Error && "syscall" in error;

async function writeFlushed(file: string, contents: Contents): Promise<void> {
  const handle = await open(file, "wx");
  try {
    await writeFile(handle, contents);
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
