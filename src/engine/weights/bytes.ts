import { UserError } from "../../errors/index.js";

/** Bytes that are read piece by piece: those of an array, or those of a file, which may be larger than an array can be. */
export interface ByteSource {
  readonly length: number;
  /** The bytes from `start` up to `end`, both within the length: a view of an array, or an array of their own. */
  read(start: number, end: number): Uint8Array;
}

/** An array as a source; a source as it is. */
export function sourceOf(bytes: Uint8Array | ByteSource): ByteSource {
  if (!(bytes instanceof Uint8Array)) return bytes;
  return { length: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** How much memory what is read may take. */
export interface ReadLimit {
  /** Bytes; without it only the file's own size is a limit. */
  readonly memory?: number;
}

/** @throws UserError where so many bytes of tensors are more than there is memory for. */
export function checkMemory(bytes: number, { memory = Number.POSITIVE_INFINITY }: ReadLimit): void {
  if (bytes <= memory) return;
  throw new UserError(`tensors of ${gigabytes(bytes)}, more than this machine's memory of ${gigabytes(memory)}`);
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
