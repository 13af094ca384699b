import { UserError } from "../../errors/index.js";
import type { AugmentHyp } from "../augment/sample.js";
import type { Entry } from "../datasets/scan.js";
import type { Batch } from "../sample.js";
import type { BatchSpec } from "./batch.js";
import { diskCacheFolder } from "./diskCache.js";
import { type PackedEntries, packEntries } from "./packed.js";
import { type BatchPlan, batchCount, type PlanOptions, planEpoch } from "./plan.js";
import { localPool, type Pool, workerPool } from "./pool.js";
import { createRamCache, type RamCache, ramNeeded } from "./ramCache.js";

/** How a loader makes batches. */
export interface LoaderOptions extends Partial<PlanOptions> {
  /** The longer side that pictures are brought to, in pixels. */
  readonly imgsz: number;
  /** Pictures a batch. */
  readonly batch: number;
  /** Augment, as these hyper-parameters say; without them pictures are only letterboxed. */
  readonly hyp?: AugmentHyp;
  /** Worker threads; 0 works in this thread. The batches are the same for any number. */
  readonly workers?: number;
  /** Keep the resized pictures in memory, or in a folder on disk. */
  readonly cache?: false | "ram" | "disk";
  /** The folder of the disk cache; by default one for temporary files. See `diskCacheFolder`. */
  readonly cacheFolder?: string;
}

/** Batches of a list of pictures, epoch after epoch. */
export interface Loader {
  /** Batches an epoch. */
  readonly batches: number;
  /** What was asked for and is not done, such as a cache that does not fit into memory. */
  readonly warnings: readonly string[];
  /**
   * The batches of epoch `n`, in order: over all pictures, or over `indices` (with repeats). The next ones are made
   * while one is in use. Leaving the loop early stops their making.
   */
  epoch(n: number, options?: { indices?: readonly number[] }): AsyncIterableIterator<Batch>;
  /** Begins to make the first batches that `epoch(n)` will give, so that they are there when it is called. */
  prepare(n: number): void;
  /** Ends the workers. An epoch under way fails. */
  close(): Promise<void>;
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
  const spec: BatchSpec = { entries: packed, imgsz, hyp, rect, seed, ram, disk };
  const pool = workers > 0 ? workerPool(spec, { size: workers }) : localPool(spec);
  const queueOf = (n: number, indices?: readonly number[]) =>
    createQueue(planEpoch(packed.sizes, { ...plan, epoch: n, indices }), pool, {
      ahead: workers > 0 ? workers + 2 : 1,
    });
  let prepared: { readonly n: number; readonly queue: Queue } | undefined;
  const take = (n: number): Queue | undefined => {
    const found = prepared;
    prepared = undefined;
    if (found?.n === n) return found.queue;
    found?.queue.drop();
    return undefined;
  };
  return {
    batches: batchCount(entries.length, { batch, dropLast }),
    warnings,
    epoch: (n, { indices } = {}) => inOrder((!indices && take(n)) || queueOf(n, indices)),
    prepare(n) {
      const queue = take(n) ?? queueOf(n);
      queue.begin();
      prepared = { n, queue };
    },
    close: () => pool.close(),
  };
}

// The batches of an epoch in the order of their plans, up to `ahead` of them under way.
interface Queue {
  begin(): void;
  next(): Promise<Batch> | undefined;
  drop(): void;
}

function createQueue(plans: readonly BatchPlan[], pool: Pool, { ahead }: { ahead: number }): Queue {
  let wanted = true;
  let next = 0;
  const underWay: Promise<Batch>[] = [];
  return {
    begin() {
      while (wanted && next < plans.length && underWay.length < ahead) {
        const batch = pool.run(plans[next++], () => wanted);
        batch.catch(() => {}); // reported when its turn comes, or not at all after an earlier end
        underWay.push(batch);
      }
    },
    next: () => underWay.shift(),
    drop() {
      wanted = false;
    },
  };
}

async function* inOrder(queue: Queue): AsyncGenerator<Batch, void, undefined> {
  try {
    queue.begin();
    for (let batch = queue.next(); batch; batch = queue.next()) {
      const made = await batch;
      queue.begin();
      yield made;
    }
  } finally {
    queue.drop();
  }
}

function ramCache(
  { sizes }: PackedEntries,
  { imgsz, warnings }: { imgsz: number; warnings: string[] },
): RamCache | undefined {
  const { needed, available } = ramNeeded(sizes, imgsz);
  if (needed * 1.1 < available) return createRamCache(sizes, imgsz);
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  warnings.push(`pictures are not cached: ${gigabytes(needed * 1.1)} needed, ${gigabytes(available)} available`);
  return undefined;
}

function diskCache(folder: string | undefined, warnings: string[]): string | undefined {
  const found = folder ?? diskCacheFolder();
  if (found === undefined) warnings.push("pictures are not cached: no folder for temporary files can be written to");
  return found;
}

function checkOptions(options: { imgsz: number; batch: number; workers: number; stride: number }): void {
  for (const [name, value] of Object.entries(options)) {
    const least = name === "workers" ? 0 : 1;
    if (!Number.isInteger(value) || value < least) {
      throw new UserError(`${name} is ${value}, expected a whole number from ${least}`);
    }
  }
}
