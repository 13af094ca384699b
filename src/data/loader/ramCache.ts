import { freemem } from "node:os";
import type { Picture } from "../sample.js";
import { fittedSize } from "./fitted.js";

/** Room for every fitted picture of a loader, in memory that all workers see; filled as pictures are first loaded. */
export interface RamCache {
  /** 1 once a picture is there [n]. */
  readonly filled: Int32Array;
  /** Width and height of each fitted picture [n, 2]. */
  readonly sizes: Int32Array;
  /** The block that a picture is in, and where it starts there. */
  readonly blocks: readonly SharedArrayBuffer[];
  readonly block: Int32Array;
  readonly start: Int32Array;
}

const blockBytes = 2 ** 30;

/** Room for pictures of these sizes (width and height [n, 2]), fitted to `imgsz`, or as they are without. */
export function createRamCache(sizes: Int32Array, imgsz?: number): RamCache {
  const count = sizes.length / 2;
  const fitted = fittedSizes(sizes, imgsz);
  const [block, start, filled] = [sharedInts(count), sharedInts(count), sharedInts(count)];
  const lengths = [0];
  for (let i = 0; i < count; i++) {
    const bytes = pictureBytes(fitted, i);
    if (lengths[lengths.length - 1] + bytes > blockBytes) lengths.push(0);
    block[i] = lengths.length - 1;
    start[i] = lengths[block[i]];
    lengths[block[i]] += bytes;
  }
  return { filled, sizes: fitted, blocks: lengths.map((length) => new SharedArrayBuffer(length)), block, start };
}

/** How many bytes such a cache takes, and how many there are to take. */
export function ramNeeded(sizes: Int32Array, imgsz?: number): { needed: number; available: number } {
  const fitted = fittedSizes(sizes, imgsz);
  let needed = 0;
  for (let i = 0; i < sizes.length / 2; i++) needed += pictureBytes(fitted, i);
  // A container's limit, where there is one, counts what this process has already taken.
  const limit = process.constrainedMemory() || Infinity;
  return { needed, available: Math.min(freemem(), limit - process.memoryUsage.rss()) };
}

/** A picture from the cache, a view of it to be read only; undefined while it is not there. */
export function fromRam(cache: RamCache, index: number): Picture | undefined {
  if (Atomics.load(cache.filled, index) === 0) return undefined;
  return { ...sizeAt(cache.sizes, index), data: bytesAt(cache, index) };
}

/** Puts a picture into its place. Workers that do so at the same time write the same bytes. */
export function intoRam(cache: RamCache, index: number, picture: Picture): void {
  const { width, height } = sizeAt(cache.sizes, index);
  if (picture.width !== width || picture.height !== height) return; // the file has changed since the scan
  bytesAt(cache, index).set(picture.data);
  Atomics.store(cache.filled, index, 1);
}

function bytesAt({ blocks, block, start, sizes }: RamCache, index: number): Uint8Array {
  return new Uint8Array(blocks[block[index]], start[index], pictureBytes(sizes, index));
}

function fittedSizes(sizes: Int32Array, imgsz?: number): Int32Array {
  if (imgsz === undefined) return sizes;
  const fitted = sharedInts(sizes.length);
  for (let i = 0; i < sizes.length / 2; i++) {
    const { width, height } = fittedSize(sizeAt(sizes, i), imgsz);
    fitted.set([width, height], 2 * i);
  }
  return fitted;
}

const sizeAt = (sizes: Int32Array, i: number) => ({ width: sizes[2 * i], height: sizes[2 * i + 1] });
const pictureBytes = (sizes: Int32Array, i: number) => sizes[2 * i] * sizes[2 * i + 1] * 3;
const sharedInts = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
