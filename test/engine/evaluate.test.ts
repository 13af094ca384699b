import type { Batch, Loader } from "swinyolo/data";
import { evaluate, lateMessage } from "swinyolo/engine";
import { hostArray } from "swinyolo/graph";
import { expect, test } from "vitest";

// Two pictures of 32 x 32, each with an object of class 0 where the one row of its prediction says it is.
const row = [16, 16, 8, 8, 0.9, 0.9, 0.1];
const batch: Batch = {
  images: new Uint8Array(2 * 3 * 32 * 32),
  shape: [2, 3, 32, 32],
  targets: Float32Array.from([0, 0, 0.5, 0.5, 0.25, 0.25, 1, 0, 0.5, 0.5, 0.25, 0.25]),
  sources: [0, 1].map((index) => ({ path: `${index}`, index, width: 32, height: 32, ratio: [1, 1], pad: [0, 0] })),
};

const loader: Loader = {
  batches: 1,
  warnings: [],
  async *epoch() {
    yield batch;
  },
  prepare() {},
  async close() {},
};

const figures = (millisecondsAnAsk: number) => {
  let time = 0;
  const run = async () => ({ rows: hostArray("float32", [2, 1, 7], Float32Array.from([...row, ...row])), maps: [] });
  return evaluate(run, loader, { names: ["a", "b"], now: () => (time += millisecondsAnAsk) });
};

test("pictures that a batch's non-maximum suppression has no time for count as empty, and it is said", async () => {
  const inTime = await figures(600);
  expect([inTime.late, inTime.instances, lateMessage(inTime)]).toEqual([0, 2, []]);
  expect(inTime.map50).toBeCloseTo(0.995, 3);
  const late = await figures(601);
  expect([late.late, late.instances]).toEqual([1, 2]);
  expect(late.map50).toBeCloseTo(0.75, 2); // one of two found: half the recall, the rest a slope to 0
  expect(lateMessage(late)[0]).toContain("1 of 2 pictures count as empty");
});
