import { createHash, randomUUID } from "node:crypto";
import { accessSync, constants, lstatSync, mkdirSync, realpathSync } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import type { Picture } from "../sample.js";

const folderName = ".swinyolo-cache";
const headerBytes = 16;
const magic = 0x31435753; // "SWC1"

/**
 * Where a data set's fitted pictures may be kept: in the data set's own folder, if that lies within the folder of its
 * YAML and can be written to; else in the system's folder for temporary files. Undefined where neither will do.
 */
export function diskCacheFolder(dataset?: { readonly file: string; readonly path: string }): string | undefined {
  const own = dataset && isWithin(dataset.path, dirname(dataset.file)) && isWritable(dataset.path);
  return (own ? ownFolder(join(dataset.path, folderName)) : undefined) ?? ownFolder(join(tmpdir(), temporaryName()));
}

/** A fitted picture from the folder, if it is there and the picture file has not changed since; `key` names how it was fitted. */
export async function fromDisk(folder: string, path: string, key: string): Promise<Picture | undefined> {
  try {
    const bytes = await readFile(await fileFor(folder, path, key));
    const header = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + headerBytes));
    const [mark, width, height] = header;
    if (mark !== magic || bytes.length !== headerBytes + width * height * 3) return undefined;
    return { width, height, data: bytes.subarray(headerBytes) };
  } catch {
    return undefined;
  }
}

/** Keeps a fitted picture in the folder; false where it cannot be written. */
export async function intoDisk(folder: string, path: string, key: string, picture: Picture): Promise<boolean> {
  const part = join(folder, `${randomUUID()}.part`);
  try {
    const file = await fileFor(folder, path, key);
    const header = new Uint8Array(Uint32Array.of(magic, picture.width, picture.height, 0).buffer);
    await writeFile(part, Buffer.concat([header, picture.data]), { flag: "wx" });
    await rename(part, file);
    return true;
  } catch {
    await rm(part, { force: true }).catch(() => {});
    return false;
  }
}

// The name changes with the picture's place, time and length, so what is found under it is never stale.
async function fileFor(folder: string, path: string, key: string): Promise<string> {
  const { mtimeMs, size } = await stat(path);
  const name = createHash("sha256").update([path, mtimeMs, size, key].join("\0")).digest("hex").slice(0, 40);
  return join(folder, `${name}.raw`);
}

// A folder that is ours alone: not a link to elsewhere, and nobody else's.
function ownFolder(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    const owned = process.getuid === undefined || found.uid === process.getuid();
    return found.isDirectory() && owned && isWritable(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

const temporaryName = () => `swinyolo-cache-${userInfo().username.replace(/[^\w.-]/g, "_")}`;

function isWithin(path: string, folder: string): boolean {
  try {
    const way = relative(realpathSync(folder), realpathSync(path));
    return way !== ".." && !way.startsWith(`..${sep}`) && !/^([a-z]:|[\\/])/i.test(way);
  } catch {
    return false;
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
