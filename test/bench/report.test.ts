import { describe, expect, test } from "vitest";
import { inferenceTable } from "../../bench/benches/inference.js";
import { casesFor, trainTable } from "../../bench/benches/train.js";
import { caseName, casesOf } from "../../bench/cases.js";
import { type Duel, type Side, speeds } from "../../bench/duel.js";
import { parseOptions } from "../../bench/options.js";
import { missingLines, withSection } from "../../bench/report.js";
import { geometricMean, inverse, median, medianInterval, settled } from "../../bench/stats.js";

describe("figures", () => {
  test("median of odd and even counts", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test("the interval holds the median, is that of the values, and the same every time", () => {
    const values = [0.9, 1, 1.1, 1.2, 0.8, 1.05, 0.95, 5];
    const found = medianInterval(values);
    expect(found.value).toBe(median(values));
    expect(found.low).toBeGreaterThanOrEqual(0.8);
    expect(found.high).toBeLessThan(2);
    expect(found.low).toBeLessThan(found.value);
    expect(medianInterval(values)).toEqual(found);
    expect(medianInterval([2, 2, 2])).toEqual({ value: 2, low: 2, high: 2 });
  });

  test("the geometric mean of medians, with an interval around it", () => {
    const found = geometricMean([
      [2, 2, 2],
      [8, 8, 8],
    ]);
    for (const value of Object.values(found)) expect(value).toBeCloseTo(4, 12);
    const spread = geometricMean([
      [1, 2, 3],
      [1, 4, 9],
    ]);
    expect(spread.value).toBeCloseTo(Math.sqrt(8), 12);
    expect(spread.low).toBeLessThan(spread.value);
    expect(spread.high).toBeGreaterThan(spread.value);
  });

  test("a ratio the other way round changes the ends of its interval", () => {
    expect(inverse({ value: 2, low: 1, high: 4 })).toEqual({ value: 0.5, low: 0.25, high: 1 });
  });

  test.each([
    [[9, 5], false],
    [[9, 5, 5], false],
    [[9, 5, 5, 5], true],
    [[5, 6, 7], true],
    [[100, 98, 97.5], true],
    [[100, 98, 96], false],
  ])("steps %j are warm: %s", (ms, warm) => {
    expect(settled(ms)).toBe(warm);
  });
});

describe("the command line", () => {
  test("cases are all models at all shapes", () => {
    expect(casesOf("train", ["a", "b"], ["4x320"])).toEqual([
      { kind: "train", model: "a", batch: 4, size: 320 },
      { kind: "train", model: "b", batch: 4, size: 320 },
    ]);
  });

  test("large batches of large pictures are for the small models unless they are asked for", () => {
    const names = casesFor(["yolov5n", "yolov5s"]).map(caseName);
    expect(names).toHaveLength(11);
    expect(names).toContain("yolov5n 16x640");
    expect(casesFor(["yolov5s"], ["16x640"]).map(caseName)).toEqual(["yolov5s 16x640"]);
  });

  test.each(["4", "0x320", "4x", "4x300"])("case %s is refused", (shape) => {
    expect(() => casesOf("train", ["a"], [shape])).toThrow(`case ${shape}`);
  });

  test("names and options", () => {
    const { names, options } = parseOptions(["train", "rounds=30", "models=a,b", "workers=0,4"]);
    expect(names).toEqual(["train"]);
    expect(options).toMatchObject({ rounds: 30, models: ["a", "b"], workers: [0, 4], waiting: "passive", docs: true });
  });

  test.each(["round=3", "rounds=x", "rounds=0", "waiting=long", "docs=no", "minutes=soon"])("%s is refused", (arg) => {
    expect(() => parseOptions([arg])).toThrow();
  });
});

describe("the document", () => {
  const side = (...ms: number[]): Side => ({
    ms: median(ms),
    updateMs: 1,
    peak: 2 ** 20,
    base: 2 ** 19,
    steps: ms.map((one) => ({ ms: one, cpuMs: one, value: 0 })),
  });
  const shape = { model: "m", batch: 2, size: 320, rounds: 2, warmup: 3 };
  const speed = { value: 2, low: 1.6, high: 2.5 };

  test("training: the ratio says how many times the peer's speed ours is, also where there is no peer", () => {
    const rival = { name: "PyTorch", side: side(20), speed, fastest: 2.2 };
    const rows = trainTable([
      { kind: "train", ...shape, ours: side(10), rivals: [{ name: "PyTorch", missing: "no PyTorch" }] },
      { kind: "train", ...shape, ours: side(10), rivals: [rival] },
    ]).split("\n");
    expect(rows[0]).toContain("| x PyTorch's speed (95%) |");
    expect(rows[2]).toBe("| m 2x320 | - | - | 2 | 10 | - | 200.0 | - | 1.0 | - | 1 | - |");
    expect(rows[3]).toBe("| m 2x320 | 2.00 (1.60-2.50) | 2.20 | 2 | 10 | 20 | 200.0 | 100.0 | 1.0 | 1.0 | 1 | 1 |");
  });

  test("inference: overhead is our time over the raw one, and a side that cannot run a model is said", () => {
    const rivals = [
      { name: "PyTorch", missing: "no PyTorch to compare with" },
      { name: "OpenCV", missing: "(-215:Assertion failed)" },
      { name: "raw", side: side(8), speed: { value: 0.8, low: 0.5, high: 1 }, fastest: 0.8 },
    ];
    const one: Duel = { kind: "inference", ...shape, ours: side(10), rivals };
    expect(inferenceTable([one]).split("\n")[2]).toBe(
      "| m 2x320 | - | cannot run it | 1.25 (1.00-2.00) | 2 | 10.0 | - | - | 8.0 | 200.0 | 1 | - | - | 1 |",
    );
    expect(missingLines([one, { ...one, model: "n", rivals: rivals.slice(0, 1) }])).toEqual([
      "PyTorch: no PyTorch to compare with.",
      "OpenCV: (-215:Assertion failed) (m 2x320).",
    ]);
  });

  test("speeds are the other side's time over ours, round by round", () => {
    expect(speeds(side(10, 20), side(20, 10))).toEqual([2, 0.5]);
  });

  test("a section is put in once and replaced after that; the rest stays", () => {
    const first = withSection("# Title\n\nText.\n", "train", "one");
    const both = withSection(first, "loader", "other");
    const again = withSection(both, "train", "two");
    expect(again).toBe(both.replace("one", "two"));
    expect(again).toContain("Text.");
    expect(again).toContain("other");
  });
});
