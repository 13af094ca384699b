import { describe, expect, test } from "vitest";
import { casesOf } from "../../bench/cases.js";
import type { Duel, Side } from "../../bench/duel.js";
import { parseOptions } from "../../bench/options.js";
import { duelTable, withSection } from "../../bench/report.js";
import { median, medianInterval } from "../../bench/stats.js";

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
});

describe("the command line", () => {
  test("cases are all models at all shapes", () => {
    expect(casesOf("train", ["a", "b"], ["4x320"])).toEqual([
      { kind: "train", model: "a", batch: 4, size: 320 },
      { kind: "train", model: "b", batch: 4, size: 320 },
    ]);
  });

  test.each(["4", "0x320", "4x", "4x300"])("shape %s is refused", (shape) => {
    expect(() => casesOf("train", ["a"], [shape])).toThrow(`shape ${shape}`);
  });

  test("names and options", () => {
    const { names, options } = parseOptions(["train", "rounds=30", "models=a,b", "workers=0,4"]);
    expect(names).toEqual(["train"]);
    expect(options).toMatchObject({ rounds: 30, models: ["a", "b"], workers: [0, 4], waiting: "passive", docs: true });
  });

  test.each(["round=3", "rounds=x", "waiting=long"])("%s is refused", (arg) => {
    expect(() => parseOptions([arg])).toThrow();
  });
});

describe("the document", () => {
  const side = (ms: number): Side => ({ ms, peak: 2 ** 20, steps: [] });
  const one: Duel = { kind: "inference", model: "m", batch: 2, size: 320, ours: side(10) };

  test("a case with and without a peer", () => {
    const ratio = { value: 0.5, low: 0.4, high: 0.6 };
    const rows = duelTable([one, { ...one, peer: side(20), ratio, fastest: 0.45 }]).split("\n");
    expect(rows[2]).toBe("| m 2x320 | 10 | - | - | - | 200.0 | - | 1 | - |");
    expect(rows[3]).toBe("| m 2x320 | 10 | 20 | 0.50 (0.40-0.60) | 0.45 | 200.0 | 100.0 | 1 | 1 |");
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
