import type { Batch } from "../sample.js";
import type { BatchPlan } from "./plan.js";
import type { Pool } from "./pool.js";

/** Batches of a list of pictures, epoch after epoch. */
export interface Loader<B = Batch> {
  /** Batches an epoch. */
  readonly batches: number;
  /** What was asked for and is not done, such as a cache that does not fit into memory. */
  readonly warnings: readonly string[];
  /**
   * The batches of epoch `n`, in order: over all pictures, or over `indices` (with repeats). The next ones are made
   * while one is in use. Leaving the loop early stops their making.
   */
  epoch(n: number, options?: { indices?: readonly number[] }): AsyncIterableIterator<B>;
  /** Begins to make the first batches that `epoch(n)` will give, so that they are there when it is called. */
  prepare(n: number): void;
  /** Ends the workers. An epoch under way fails. */
  close(): Promise<void>;
}

/** A loader that makes what `plans` says in a pool, `ahead` batches at a time. */
export function loaderOf<B>(
  pool: Pool<B>,
  {
    batches,
    warnings,
    ahead,
    plans,
  }: {
    batches: number;
    warnings: readonly string[];
    ahead: number;
    plans: (epoch: number, indices?: readonly number[]) => readonly BatchPlan[];
  },
): Loader<B> {
  const queueOf = (n: number, indices?: readonly number[]) => createQueue(plans(n, indices), pool, { ahead });
  let prepared: { readonly n: number; readonly queue: Queue<B> } | undefined;
  const take = (n: number): Queue<B> | undefined => {
    const found = prepared;
    prepared = undefined;
    if (found?.n === n) return found.queue;
    found?.queue.drop();
    return undefined;
  };
  return {
    batches,
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
interface Queue<B> {
  begin(): void;
  next(): Promise<B> | undefined;
  drop(): void;
}

function createQueue<B>(plans: readonly BatchPlan[], pool: Pool<B>, { ahead }: { ahead: number }): Queue<B> {
  let wanted = true;
  let next = 0;
  const underWay: Promise<B>[] = [];
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

async function* inOrder<B>(queue: Queue<B>): AsyncGenerator<B, void, undefined> {
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
