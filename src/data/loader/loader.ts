import { UserError } from "../../errors/index.js";
import type { AugmentHyp } from "../augment/sample.js";
import type { Entry } from "../datasets/scan.js";
import type { Batch } from "../sample.js";
import type { BatchSpec, Decode } from "./batch.js";
import { diskCache, ramCache } from "./caches.js";
import { type Loader, loaderOf } from "./epochs.js";
import { packEntries } from "./packed.js";
import { batchCount, type PlanOptions, planEpoch } from "./plan.js";
import { aheadOf, poolOf } from "./pool.js";

/** How a loader makes batches. */
export interface LoaderOptions extends Partial<PlanOptions> {
  /** The longer side that pictures are brought to, in pixels. */
  readonly imgsz: number;
  /** Pictures a batch. */
  readonly batch: number;
  /** Augment, as these hyper-parameters say; without them pictures are only letterboxed. */
  readonly hyp?: AugmentHyp;
  /**
   * "reduced": JPEGs of at least 3 times the size they are brought to are decoded at reduced scale: faster, pixels differ
   * from OpenCV's by a few levels.
   */
  readonly decode?: Decode;
  /** Worker threads; 0 works in this thread. The batches are the same for any number. */
  readonly workers?: number;
  /** Keep the resized pictures in memory, or in a folder on disk. */
  readonly cache?: false | "ram" | "disk";
  /** The folder of the disk cache; by default one for temporary files. See `diskCacheFolder`. */
  readonly cacheFolder?: string;
}

/** A loader of a split's entries. A picture that cannot be decoded ends the epoch with a UserError naming it. */
export function createLoader(
  entries: readonly Entry[],
  {
    imgsz,
    batch,
    hyp,
    stride = 32,
    rect = false,
    pad = 0,
    shuffle = hyp !== undefined && !rect,
    dropLast = false,
    seed = 0,
    decode = "full",
    workers = 0,
    cache = false,
    cacheFolder,
  }: LoaderOptions,
): Loader {
  checkOptions({ imgsz, batch, workers, stride });
  const packed = packEntries(entries);
  const warnings: string[] = [];
  const plan = { imgsz, batch, rect, stride, pad, shuffle, dropLast, seed };
  const ram = cache === "ram" ? ramCache(packed, { imgsz, warnings }) : undefined;
  const disk = cache === "disk" ? diskCache(cacheFolder, warnings) : undefined;
  const spec: BatchSpec = { entries: packed, imgsz, hyp, rect, seed, decode, ram, disk };
  const pool = poolOf<Batch>(spec, workers);
  return loaderOf(pool, {
    batches: batchCount(entries.length, { batch, dropLast }),
    warnings,
    ahead: aheadOf(workers),
    plans: (epoch, indices) => planEpoch(packed.sizes, { ...plan, epoch, indices }),
  });
}

/** A UserError where a number is no whole one, or too small. */
export function checkOptions(
  options: Readonly<Record<"imgsz" | "batch" | "workers", number>> & { stride?: number },
): void {
  for (const [name, value] of Object.entries(options)) {
    const least = name === "workers" ? 0 : 1;
    if (!Number.isInteger(value) || value < least) {
      throw new UserError(`${name} is ${value}, expected a whole number from ${least}`);
    }
  }
}
