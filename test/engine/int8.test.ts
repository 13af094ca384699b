import { exportModel } from "swinyolo/engine";
import { hostArray } from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { bins, count, emptyHistogram } from "../../src/engine/int8/histogram.js";
import { rangeOf } from "../../src/engine/int8/ranges.js";
import { fewestKept, signalToNoise } from "../../src/engine/int8/search.js";

const histogramOf = (...parts: number[][]) => {
  const histogram = emptyHistogram();
  for (const part of parts) count(histogram, Float32Array.from(part));
  return histogram;
};

/** 0, 1/n, ... 1 */
const even = (n: number) => Array.from({ length: n + 1 }, (_, i) => i / n);

describe("a histogram", () => {
  test("counts by absolute value and knows both ends", () => {
    const { counts, low, high, width } = histogramOf([-2, 0, 1, 4]);
    expect([low, high, width * bins]).toEqual([-2, 4, 4]);
    expect([counts[0], counts[512], counts[1024], counts[bins - 1]]).toEqual([1, 1, 1, 1]);
  });

  test("joins bins when a larger number comes and loses none", () => {
    const { counts, width } = histogramOf([1, 0.5], [7.9], [-3]);
    expect(width * bins).toBe(8);
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(4);
    // 1 was the largest when it came, so it lies at the end of a bin.
    expect([0.5, 0.999, 3, 7.9].map((x) => counts[Math.floor(x / width)])).toEqual([1, 1, 1, 1]);
  });

  test("starts with zeros", () => {
    const { counts, high } = histogramOf([0, 0, 0], [2]);
    expect([counts[0], counts[bins - 1], high]).toEqual([3, 1, 2]);
  });
});

describe("ranges of known histograms", () => {
  const tail = histogramOf([...even(99_999).map((x) => x - 0.3), 50]);

  test("minmax takes all", () => {
    expect(rangeOf(tail, "minmax")).toEqual({ low: Math.fround(-0.3), high: 50 });
  });

  test("percentile leaves the rarest out", () => {
    const { low, high } = rangeOf(tail, "percentile", { percentile: 99.99 });
    expect(low).toBe(Math.fround(-0.3));
    expect(high).toBeGreaterThanOrEqual(0.7);
    expect(high).toBeLessThan(0.76);
    expect(rangeOf(tail, "percentile", { percentile: 100 }).high).toBe(50);
  });

  test("entropy cuts a lone outlier off, and leaves even numbers whole", () => {
    expect(rangeOf(tail, "entropy").high).toBeLessThan(10);
    const whole = rangeOf(histogramOf(even(200_000)), "entropy");
    expect(whole.low).toBe(0);
    expect(whole.high).toBeGreaterThan(0.95);
  });

  test("nothing but zeros is no range", () => {
    for (const method of ["minmax", "percentile", "entropy"] as const)
      expect(rangeOf(histogramOf([0, 0]), method)).toEqual({ low: 0, high: 0 });
  });
});

describe("the layers to keep", () => {
  test.each([0, 1, 2, 3, 5, 11, 12])("%i of 12 are found", async (needed) => {
    const tried: number[] = [];
    const found = await fewestKept(12, async (kept) => {
      tried.push(kept);
      return kept >= needed;
    });
    expect(found).toBe(needed);
    expect(tried.length).toBeLessThanOrEqual(9);
  });

  test("a tenth of the amplitude as error is 20 decibels", () => {
    const array = (...numbers: number[]) => hostArray("float32", [numbers.length], Float32Array.from(numbers));
    expect(signalToNoise([array(1, -2)], [array(1.1, -1.8)])).toBeCloseTo(20, 3);
  });
});

describe("options that do not go together", () => {
  const weights = "absent.safetensors";
  test.each([
    [{ int8: true }, "int8=true needs pictures to calibrate on and to measure with: data=data.yaml"],
    [{ int8: true, data: "d.yaml", half: true }, "half=true and int8=true exclude each other"],
    [{ int8: true, data: "d.yaml", imgsz: [64, 96] as const }, "imgsz=64,96: int8=true takes squares"],
    [{ int8: true, data: "d.yaml", calibration: "median" as never }, "calibration=median: expected one of minmax"],
    [{ int8: true, data: "d.yaml", int8_drop: -1 }, "int8_drop=-1: expected a number from 0 to 100"],
  ])("%j", async (options, message) => {
    const failed = exportModel({ weights, ...options });
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toMatchObject({ name: "UserError" });
  });
});
