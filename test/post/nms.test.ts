import fc from "fast-check";
import { type NmsOptions, nonMaxSuppression } from "swinyolo/engine";
import { describe, expect, test } from "vitest";

// cx, cy, w, h, objectness, three classes
const rows = [
  [100, 100, 50, 50, 0.9, 0.8, 0.3, 0.1],
  [102, 101, 52, 48, 0.8, 0.9, 0.2, 0.6],
  [300, 300, 40, 40, 0.5, 0.1, 0.9, 0.2],
  [100, 100, 50, 50, 0.2, 0.9, 0.9, 0.9],
  [305, 300, 40, 40, 0.6, 0.2, 0.5, 0.4],
];

function nms(of: readonly (readonly number[])[], options: NmsOptions = {}): number[][] {
  const [found] = nonMaxSuppression(Float32Array.from(of.flat()), [1, of.length, of[0].length], options);
  return split(found, 6 + (options.masks ?? 0));
}

const split = (found: Float32Array, width: number): number[][] =>
  Array.from({ length: found.length / width }, (_, i) =>
    Array.from(found.subarray(i * width, (i + 1) * width), (x) => Number(x.toFixed(4))),
  );

const best = [
  [75, 75, 125, 125, 0.72, 0],
  [280, 280, 320, 320, 0.45, 1],
];

describe("rows that stay", () => {
  test("one label each", () => expect(nms(rows)).toEqual(best));
  test("boxes of all classes against each other", () => expect(nms(rows, { agnostic: true })).toEqual(best));
  test("several labels", () =>
    expect(nms(rows, { multiLabel: true })).toEqual([
      [75, 75, 125, 125, 0.72, 0],
      [76, 77, 128, 125, 0.48, 2],
      [280, 280, 320, 320, 0.45, 1],
      [75, 75, 125, 125, 0.27, 1],
    ]));
  test("chosen classes", () => expect(nms(rows, { classes: [1] })).toEqual(best.slice(1)));
  test("the first maxDet", () => expect(nms(rows, { maxDet: 1 })).toEqual(best.slice(0, 1)));
  test("of the first maxNms alone", () => expect(nms(rows, { maxNms: 1 })).toEqual(best.slice(0, 1)));
  test("objectness is a threshold of its own", () =>
    expect(nms([[50, 50, 10, 10, 0.2, 1]], { conf: 0.19 })).toHaveLength(1));
  test("a threshold itself is not enough", () => {
    expect(nms([[50, 50, 10, 10, 0.25, 1]], { conf: 0.25 })).toEqual([]);
    expect(nms([[50, 50, 10, 10, 0.1, 1]], { conf: 0.1 })).toEqual([]); // as 32-bit floats
  });
  test("a single class has one label, whatever multiLabel says", () =>
    expect(nms([[50, 50, 10, 10, 0.9, 0.5]], { multiLabel: true })).toEqual([[45, 45, 55, 55, 0.45, 0]]));
  test("known objects take part as certain", () =>
    expect(nms(rows, { labels: [[2, 100, 100, 50, 50]] })).toEqual([[75, 75, 125, 125, 1, 2], ...best]));
  test("mask coefficients come along, times the objectness", () =>
    expect(nms([[50, 50, 10, 10, 0.5, 0.8, 3, -4]], { masks: 2 })).toEqual([[45, 45, 55, 55, 0.4, 0, 1.5, -2]]));
});

test("far from zero the offset of a high class rounds its boxes", () => {
  // 2 x 2 at 0 and at 0.95: an overlap of 0.36, but 1/3 once class 79 has shifted them by 606720, where steps are 1/16.
  const scores = (c: number) => Array.from({ length: 80 }, (_, i) => (i === c ? 0.9 : 0));
  const pair = (c: number) => [
    [1, 1, 2, 2, 1, ...scores(c)],
    [1.97, 1, 2, 2, 0.9, ...scores(c)],
  ];
  const iou = 1.03 / (4 + 4 - 2.06) / 0.5; // 0.3468
  expect(nms(pair(0), { iou: iou - 1e-3 })).toHaveLength(1);
  expect(nms(pair(79), { iou: iou - 1e-3 })).toHaveLength(2);
});

test("pictures are apart, and those over the time stay empty", () => {
  const two = Float32Array.from([...rows.flat(), ...rows.flat()]);
  const late: number[] = [];
  let time = 0;
  const found = nonMaxSuppression(two, [2, rows.length, 8], {
    timeLimitMs: 100,
    now: () => (time += 60),
    onTimeLimit: (done) => late.push(done),
  });
  expect(found.map((one) => one.length / 6)).toEqual([2, 2]);
  expect(late).toEqual([]);
  const cut = nonMaxSuppression(two, [2, rows.length, 8], {
    timeLimitMs: 50,
    now: () => (time += 60),
    onTimeLimit: (done) => late.push(done),
  });
  expect(cut.map((one) => one.length / 6)).toEqual([2, 0]);
  expect(late).toEqual([1]);
});

test("thresholds out of range are the user's mistake", () => {
  expect(() => nms(rows, { conf: 25 })).toThrow("conf is 25, expected a number from 0 to 1");
  expect(() => nms(rows, { iou: Number.NaN })).toThrow("iou is NaN, expected a number from 0 to 1");
});

const fraction = fc.integer({ min: 0, max: 100 }).map((x) => x / 100);
const place = fc.integer({ min: 0, max: 60 });
const row = fc
  .tuple(
    fc.tuple(
      place,
      place,
      place.map((x) => x + 1),
      place.map((x) => x + 1),
    ),
    fc.array(fraction, { minLength: 4, maxLength: 4 }),
  )
  .map(([box, scores]) => [...box, ...scores]);

test("what stays is sure, apart and in order; what goes was near something better", () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), fraction, fraction, (of, conf, iou) => {
      const found = nms(of, { conf, iou, multiLabel: true });
      const candidates = of.flatMap(([x, y, w, h, objectness, ...scores]) =>
        scores.flatMap((score, c) => {
          const confidence = Math.fround(Math.fround(score) * Math.fround(objectness));
          const sure = Math.fround(objectness) > Math.fround(conf) && confidence > Math.fround(conf);
          return sure ? [[x - w / 2, y - h / 2, x + w / 2, y + h / 2, confidence, c]] : [];
        }),
      );
      for (const [i, one] of found.entries()) {
        if (i > 0) expect(one[4]).toBeLessThanOrEqual(found[i - 1][4]);
        for (const other of found.slice(0, i)) {
          if (one[5] === other[5]) expect(overlap(one, other)).toBeLessThanOrEqual(iou + 1e-3);
        }
      }
      for (const one of candidates) {
        const keeper = found.find(
          (k) => k[5] === one[5] && k[4] >= one[4] - 1e-4 && (overlap(k, one) > iou - 1e-3 || same(k, one)),
        );
        expect(keeper).toBeDefined();
      }
      expect(found.length).toBeLessThanOrEqual(candidates.length);
    }),
  );
});

const same = (a: readonly number[], b: readonly number[]) => a.slice(0, 4).every((x, i) => x === b[i]);

function overlap(a: readonly number[], b: readonly number[]): number {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const both = Math.max(w, 0) * Math.max(h, 0);
  return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}
