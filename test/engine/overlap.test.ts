import { setTimeout as wait } from "node:timers/promises";
import { ahead, trailing } from "swinyolo/engine";
import { expect, test } from "vitest";

const numbers = [0, 1, 2, 3, 4, 5];

async function* from(items: readonly number[], failAfter = Infinity): AsyncGenerator<number> {
  for (const item of items) {
    if (item > failAfter) throw new Error(`no ${item}`);
    yield item;
  }
}

/** What came before the end, and the error that ended it. */
async function all(items: AsyncIterable<number>): Promise<[number[], string?]> {
  const seen: number[] = [];
  try {
    for await (const item of items) seen.push(item);
    return [seen];
  } catch (error) {
    return [seen, (error as Error).message];
  }
}

test("ahead: results in order, however long each takes, and no more under way than allowed", async () => {
  let [now, most] = [0, 0];
  const work = async (n: number) => {
    most = Math.max(most, ++now);
    await wait((5 - n) * 3);
    now--;
    return n * 10;
  };
  expect(await all(ahead(numbers, work, { limit: 2 }))).toEqual([[0, 10, 20, 30, 40, 50]]);
  expect(most).toBe(3);
});

test("ahead: an error comes after the results before it", async () => {
  const work = async (n: number) => {
    if (n === 3) throw new Error("no 3");
    await wait(2);
    return n;
  };
  expect(await all(ahead(numbers, work, { limit: 2 }))).toEqual([[0, 1, 2], "no 3"]);
});

test("trailing: each item comes after its work, which is done one after another", async () => {
  const log: string[] = [];
  const work = async (n: number) => {
    log.push(`begin ${n}`);
    await wait((5 - n) * 2);
    log.push(`end ${n}`);
  };
  const items = trailing(from(numbers), work, { limit: 2, single: true });
  for await (const n of items) expect(log).toContain(`end ${n}`);
  expect(log).toEqual(numbers.flatMap((n) => [`begin ${n}`, `end ${n}`]));
});

test("trailing: what came before an error is worked on and given first; an error of the work ends it", async () => {
  const done: number[] = [];
  const work = async (n: number) => {
    await wait(2);
    done.push(n);
  };
  expect(await all(trailing(from(numbers, 2), work, { limit: 2 }))).toEqual([[0, 1, 2], "no 3"]);
  expect(done).toEqual([0, 1, 2]);
  const fail = async (n: number) => {
    if (n === 1) throw new Error("full");
  };
  expect(await all(trailing(from(numbers), fail, { limit: 2 }))).toEqual([[0], "full"]);
});

test("trailing: leaving early lets work under way end", async () => {
  const done: number[] = [];
  const work = async (n: number) => {
    await wait(2);
    done.push(n);
  };
  for await (const n of trailing(from(numbers), work, { limit: 2 })) if (n === 1) break;
  expect(done).toEqual([0, 1, 2, 3]);
});
