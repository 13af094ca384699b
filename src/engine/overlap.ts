/**
 * `work` done on every item, on up to `limit` of them before their results are asked for; the results in the items' order.
 * An error comes when its item's turn does.
 */
export async function* ahead<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
  { limit }: { limit: number },
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = [];
  const next = () => underWay.shift() as Promise<R>;
  try {
    for (const item of items) {
      const result = work(item);
      result.catch(() => {}); // reported when its turn comes, or not at all after an earlier end
      underWay.push(result);
      if (underWay.length > limit) yield await next();
    }
    while (underWay.length > 0) yield await next();
  } finally {
    await Promise.allSettled(underWay);
  }
}

/**
 * The items as they come, each after `work` on it is done; up to `limit` of them wait while the next ones are made. Work
 * begins in order, with `single` only after that on the item before has ended; what has begun is finished even if the items
 * end with an error or the loop is left.
 */
export async function* trailing<T>(
  items: AsyncIterable<T>,
  work: (item: T) => Promise<void>,
  { limit, single = false }: { limit: number; single?: boolean },
): AsyncGenerator<T, void, undefined> {
  const underWay: Promise<T>[] = [];
  const next = () => underWay.shift() as Promise<T>;
  let last: Promise<unknown> = Promise.resolve();
  let failed: { readonly error: unknown } | undefined;
  async function* untilError() {
    try {
      yield* items;
    } catch (error) {
      failed = { error };
    }
  }
  try {
    for await (const item of untilError()) {
      const done = (single ? last.then(() => work(item)) : work(item)).then(() => item);
      done.catch(() => {}); // reported when its turn comes
      last = done;
      underWay.push(done);
      if (underWay.length > limit) yield await next();
    }
    while (underWay.length > 0) yield await next();
  } finally {
    await Promise.allSettled(underWay);
  }
  if (failed) throw failed.error;
}
