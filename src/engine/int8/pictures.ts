import { createLoader, type Dataset, type Entry, type Loader, type Split, scanSplit } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { type HostArray, hostArray } from "../../graph/index.js";

/** How pictures reach the network: squares of `imgsz` pixels. */
export interface Fitting {
  readonly imgsz: number;
  readonly batch: number;
  readonly stride: number;
}

/**
 * Pictures of a split with their labels: all, or `most` of them, evenly spread over the list.
 * @throws UserError when there are none.
 */
export async function entriesOf(
  { file, splits, nc }: Dataset,
  split: Split,
  most = Number.POSITIVE_INFINITY,
): Promise<Entry[]> {
  const { entries } = await scanSplit(spread(splits[split], most), { nc });
  if (entries.length === 0) throw new UserError(`${file}: ${split} has no pictures for int8=true`);
  return [...entries];
}

/** The list, or `most` of it, evenly spread. */
export const spread = <T>(list: readonly T[], most: number): readonly T[] =>
  list.length <= most ? list : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]);

/** Letterboxed as `val` does for networks of a fixed size. */
export const letterboxed = (entries: readonly Entry[], { imgsz, batch, stride }: Fitting): Loader =>
  createLoader(entries, { imgsz, batch, stride, rect: false });

/** The pictures of a loader as batches uint8 [b, c, h, w]. */
export async function batchesOf(loader: Loader): Promise<HostArray[]> {
  const found: HostArray[] = [];
  for await (const { shape, images } of loader.epoch(0)) found.push(hostArray("uint8", shape, images));
  await loader.close();
  return found;
}
