import type { ClassifyAugment } from "../augment/classify.js";
import type { Fit } from "../crop.js";
import type { Entry } from "../datasets/scan.js";
import { diskCache, ramCache } from "./caches.js";
import type { ClassBatch, ClassSpec } from "./classBatch.js";
import { type Loader, loaderOf } from "./epochs.js";
import { checkOptions } from "./loader.js";
import { packEntries } from "./packed.js";
import { batchCount, planEpoch } from "./plan.js";
import { aheadOf, poolOf } from "./pool.js";

/** How a loader of classified pictures makes batches. */
export interface ClassLoaderOptions {
  /** Number of classes. */
  readonly classes: number;
  /** The side of the network's input, in pixels. */
  readonly imgsz: number;
  /** Pictures a batch. */
  readonly batch: number;
  /** Change pictures, as training does; without it they are only fitted, in their order. */
  readonly augment?: ClassifyAugment;
  readonly fit: Fit;
  /** Leave out the last batch of an epoch where it is smaller. */
  readonly dropLast?: boolean;
  readonly seed?: number;
  /** Worker threads; 0 works in this thread. The batches are the same for any number. */
  readonly workers?: number;
  /** Keep the decoded pictures in memory, or in a folder on disk. */
  readonly cache?: false | "ram" | "disk";
  /** The folder of the disk cache; by default one for temporary files. */
  readonly cacheFolder?: string;
}

/** A loader of classified pictures (`scanClasses`). A picture that cannot be decoded ends the epoch with a UserError naming it. */
export function createClassLoader(
  entries: readonly Entry[],
  {
    classes,
    imgsz,
    batch,
    augment,
    fit,
    dropLast = false,
    seed = 0,
    workers = 0,
    cache = false,
    cacheFolder,
  }: ClassLoaderOptions,
): Loader<ClassBatch> {
  checkOptions({ imgsz, batch, workers });
  const packed = packEntries(entries);
  const warnings: string[] = [];
  const ram = cache === "ram" ? ramCache(packed, { warnings }) : undefined;
  const disk = cache === "disk" ? diskCache(cacheFolder, warnings) : undefined;
  const spec: ClassSpec = { entries: packed, classes, imgsz, fit, augment, seed, ram, disk };
  const plan = { imgsz, batch, rect: false, stride: 1, pad: 0, shuffle: augment !== undefined, dropLast, seed };
  return loaderOf(poolOf<ClassBatch>(spec, workers), {
    batches: batchCount(entries.length, { batch, dropLast }),
    warnings,
    ahead: aheadOf(workers),
    plans: (epoch, indices) => planEpoch(packed.sizes, { ...plan, epoch, indices }),
  });
}
