import {
  apPerClass,
  computeAp,
  confusionMatrix,
  fitness,
  matchDetections,
  matchOverlaps,
  smooth,
} from "swinyolo/engine";
import { describe, expect, test } from "vitest";

const f = (...rows: number[][]) => Float32Array.from(rows.flat());

describe("matching", () => {
  const label = [0, 0, 0, 10, 10];
  test("the overlap decides at each threshold", () =>
    expect([...matchDetections(f([0, 0, 10, 8, 0.9, 0]), f(label), [0.5, 0.75, 0.9])]).toEqual([1, 1, 0]));
  test("another class is no match", () =>
    expect([...matchDetections(f([0, 0, 10, 10, 0.9, 1]), f(label), [0.5])]).toEqual([0]));
  test("a label that several ask for goes to the first, not to the nearest", () =>
    expect([...matchDetections(f([0, 0, 10, 7, 0.9, 0], [0, 0, 10, 10, 0.8, 0]), f(label), [0.5, 0.8])]).toEqual([
      1, 0, 0, 1,
    ]));
  test("a detection asks for its nearest label alone", () => {
    const labels = f(label, [0, 0, 0, 10, 9]);
    const detections = f([0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9.9, 0.8, 0]);
    expect([...matchDetections(detections, labels, [0.5])]).toEqual([1, 0]);
  });
  test("nothing against something", () => {
    expect([...matchDetections(f(), f(label))]).toEqual([]);
    expect([...matchDetections(f([0, 0, 10, 10, 0.9, 0]), f(), [0.5, 0.6])]).toEqual([0, 0]);
  });
  test("overlaps of masks", () =>
    expect([
      ...matchOverlaps([0.7, 0.2, 0.1, 0.9], { labels: [3, 3], detections: [3, 3], thresholds: [0.5, 0.8] }),
    ]).toEqual([1, 0, 1, 1]));
});

test("average precision of a curve", () => {
  const [recall, precision] = [
    [0.25, 0.25, 0.5, 0.5, 0.75],
    [1, 0.5, 2 / 3, 0.5, 0.6],
  ];
  expect(computeAp(recall, precision).ap).toBeCloseTo(0.639666667, 8);
  expect(computeAp(recall, precision, "continuous").ap).toBeCloseTo(0.25 + (0.25 * 2) / 3 + 0.25 * 0.6, 8);
  expect(computeAp([], []).ap).toBeCloseTo(0.5, 12);
});

test("a filter of even width gives one value more", () => {
  const squares = Array.from({ length: 10 }, (_, i) => i * i);
  expect(smooth(squares, 0.1)).toEqual([0, 0.5, 2.5, 6.5, 12.5, 20.5, 30.5, 42.5, 56.5, 72.5, 81]);
  const odd = Array.from({ length: 20 }, (_, i) => i); // width 3
  expect(smooth(odd, 0.1).slice(0, 3)).toEqual([1 / 3, 1, 2]);
  expect(smooth(odd, 0.1)).toHaveLength(20);
});

describe("classes", () => {
  const of = (extra = {}) =>
    apPerClass({
      correct: [
        [1, 1],
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 0],
        [1, 0],
      ].flat(),
      thresholds: 2,
      confidence: [0.95, 0.9, 0.8, 0.7, 0.6, 0.3],
      predicted: [0, 0, 0, 1, 1, 0],
      labels: [0, 0, 0, 1, 1, 2],
      ...extra,
    });

  test("precision, recall and the rest", () => {
    const m = of();
    expect(m).toMatchObject({ classes: [0, 1, 2], instances: [3, 2, 1], tp: [3, 1, 0], fp: [1, 1, 0] });
    const close = (values: number[], expected: number[]) => {
      expect(values).toHaveLength(expected.length);
      values.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 8);
      });
    };
    close(m.precision, [0.75, 0.5, 0]);
    close(m.recall, [1, 0.5, 0]);
    close(m.f1, [0.857142857, 0.5, 0]);
    close(m.ap.flat(), [0.83, 0.4179125, 0.6225, 0.6225, 0, 0]);
  });

  test("detections in any order", () => {
    const reversed = of({
      correct: [
        [1, 0],
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 0],
        [1, 1],
      ].flat(),
      confidence: [0.3, 0.6, 0.7, 0.8, 0.9, 0.95],
      predicted: [0, 1, 1, 0, 0, 0],
    });
    expect(reversed.ap).toEqual(of().ap);
    expect(reversed.curves).toEqual(of().curves);
  });

  test("without detections all is zero, without labels there is nothing", () => {
    const none = { correct: [], confidence: [], predicted: [] };
    expect(of(none)).toMatchObject({
      tp: [0, 0, 0],
      fp: [0, 0, 0],
      ap: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    });
    expect(of({ labels: [] })).toMatchObject({ classes: [], ap: [] });
  });
});

test("fitness weighs mAP", () => {
  expect(fitness({ precision: 1, recall: 1, map50: 0.5, map: 0.25 })).toBeCloseTo(0.275, 12);
  expect(fitness({ precision: 1, recall: 0.5, map50: 0, map: 0 }, [0.5, 0.5, 0, 0])).toBeCloseTo(0.75, 12);
});

describe("confusion", () => {
  const detections = f(
    [0, 0, 10, 10, 0.9, 0],
    [20, 20, 30, 30, 0.8, 1],
    [50, 50, 60, 60, 0.7, 2],
    [0, 0, 10, 9, 0.2, 0],
  );
  const labels = f([0, 0, 0, 10, 10], [2, 20, 20, 30, 31], [1, 80, 80, 90, 90]);
  const matrix = (pictures: { detections: Float32Array; labels: Float32Array }[]) => {
    const flat = [...confusionMatrix(3, pictures)];
    return [0, 4, 8, 12].map((i) => flat.slice(i, i + 4));
  };

  test("right, mistaken, missed and imagined", () =>
    expect(matrix([{ detections, labels }])).toEqual([
      [1, 0, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
      [0, 1, 0, 0],
    ]));
  test("imagined objects count only beside a match, pictures without labels never", () => {
    const nothing = [
      { detections: detections.subarray(12, 18), labels: labels.subarray(0, 5) },
      { detections, labels: f() },
      { detections: f(), labels: labels.subarray(5, 10) },
    ];
    expect(matrix(nothing)).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [1, 0, 1, 0],
    ]);
  });
});
