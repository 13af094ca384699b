import type { Picture } from "../sample.js";
import { diskCacheFolder, fromDisk, intoDisk } from "./diskCache.js";
import type { PackedEntries } from "./packed.js";
import { createRamCache, fromRam, intoRam, type RamCache, ramNeeded } from "./ramCache.js";

/** `read` through the caches that there are; `key` names, for the disk, what it does to a file. */
export function cachedPictures(
  { ram, disk, entries }: { ram?: RamCache; disk?: string; entries: Pick<PackedEntries, "paths"> },
  { read, key }: { read: (index: number) => Promise<Picture>; key: string },
): (index: number) => Promise<Picture> {
  if (ram) {
    return async (index) => {
      const kept = fromRam(ram, index);
      if (kept) return kept;
      const picture = await read(index);
      intoRam(ram, index, picture);
      return picture;
    };
  }
  if (disk === undefined) return read;
  let writable = true;
  return async (index) => {
    const path = entries.paths[index];
    const kept = await fromDisk(disk, path, key);
    if (kept) return kept;
    const picture = await read(index);
    if (writable) writable = await intoDisk(disk, path, key, picture);
    return picture;
  };
}

/** Memory for every picture, fitted to `imgsz` or as it is; undefined, with a warning, where there is too little. */
export function ramCache(
  { sizes }: Pick<PackedEntries, "sizes">,
  { imgsz, warnings }: { imgsz?: number; warnings: string[] },
): RamCache | undefined {
  const { needed, available } = ramNeeded(sizes, imgsz);
  if (needed * 1.1 < available) return createRamCache(sizes, imgsz);
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  warnings.push(`pictures are not cached: ${gigabytes(needed * 1.1)} needed, ${gigabytes(available)} available`);
  return undefined;
}

/** The folder of a disk cache; undefined, with a warning, where none can be written to. */
export function diskCache(folder: string | undefined, warnings: string[]): string | undefined {
  const found = folder ?? diskCacheFolder();
  if (found === undefined) warnings.push("pictures are not cached: no folder for temporary files can be written to");
  return found;
}
