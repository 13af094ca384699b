import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { epochTimes } from "../../bench/benches/epoch.js";
import { memoryRows } from "../../bench/benches/memory.js";
import { overheadTable } from "../../bench/benches/overhead.js";
import { startupTable } from "../../bench/benches/startup.js";
import type { Duel, Side } from "../../bench/duel.js";
import { growthPlot, growthPoints } from "../../bench/growthPlot.js";
import { kernelTimes, parseProfile } from "../../bench/profile.js";

const side = (ms: number, more: Partial<Side> = {}): Side => ({
  ms,
  peak: 300 * 2 ** 20,
  base: 50 * 2 ** 20,
  steps: [{ ms, cpuMs: ms, value: 0, runMs: 0.75 * ms }],
  ...more,
});

const one: Duel = {
  kind: "train",
  model: "m",
  batch: 1,
  size: 320,
  ours: side(10),
  rivals: [
    { name: "profiled", side: side(20, { kernelMs: [15] }) },
    { name: "PyTorch", missing: "no PyTorch" },
  ],
  rounds: 1,
  warmup: 3,
};

describe("a profile", () => {
  const event = (name: string, ts: number, dur: number, cat = "Node") => ({ cat, name, ts, dur, args: {} });
  const events = [
    event("model_run", 0, 100, "Session"),
    event("a_kernel_time", 10, 30),
    event("b_kernel_time", 50, 20),
    event("a_fence_before", 5, 3),
    event("b_kernel_time", 250, 4),
    event("model_run", 200, 100, "Session"),
    event("session_initialization", 0, 999, "Session"),
  ];

  test("kernels are summed step by step, in milliseconds", () => {
    const [first, second] = kernelTimes(parseProfile(JSON.stringify(events)), 2);
    expect(first).toBeCloseTo(0.05, 9);
    expect(second).toBeCloseTo(0.004, 9);
    expect(kernelTimes(events, 1)[0]).toBeCloseTo(0.054, 9);
  });

  test("runs that are not the same number in every step are refused", () => {
    expect(() => kernelTimes(events, 3)).toThrow("2 runs in 3 steps");
  });
});

describe("tables", () => {
  test("an epoch is training, as it says, and what follows its last batch", () => {
    expect(
      epochTimes([
        { type: "trained", at: 5000 },
        { type: "epoch", at: 7000, seconds: 5 },
        { type: "trained", at: 11_000 },
        { type: "epoch", at: 12_500, seconds: 4 },
      ]),
    ).toEqual([
      { training: 5, validation: 2 },
      { training: 4, validation: 1.5 },
    ]);
  });

  test("overhead is the step without its sessions and update, and the profiled step without its kernels and update", () => {
    const updating = (times: Side, updateMs: number): Side => ({
      ...times,
      updateMs,
      steps: times.steps.map((step) => ({ ...step, updateMs })),
    });
    const [profiled] = one.rivals;
    const rivals = [{ ...profiled, side: updating(profiled.side!, 1) }];
    expect(overheadTable([{ ...one, ours: updating(one.ours, 0.5), rivals }]).split("\n")[2]).toBe(
      "| train m 1x320 | 10.0 | 7.5 | 0.5 | 2.0 | 20.0 | 20.0 | 16.0 | 4.0 | 20.0 |",
    );
  });

  test("memory has a row for every side with times, and the plan where there is one", () => {
    const mebi = (n: number) => n * 2 ** 20;
    const [training, total] = [mebi(3), mebi(4)];
    const plan = { process: mebi(1), state: mebi(1), step: mebi(1), batches: 0, validation: mebi(1), training, total };
    expect(memoryRows(one, { ours: plan })).toEqual([
      ["m 1x320", "ours", "300", "50", "3", "1", "10"],
      ["m 1x320", "profiled", "300", "50", "-", "-", "20"],
    ]);
  });

  test("starts are medians with intervals", () => {
    expect(startupTable(new Map([["info", [2, 2, 2]]])).split("\n")[2]).toBe("| info | 2.0 (2.0-2.0) |");
  });
});

describe("growth", () => {
  const found = [one, { ...one, size: 640 }, { ...one, batch: 4 }, { ...one, kind: "inference" as const }];

  test("a plot by size has the smallest batch alone, one by batch the smallest size", () => {
    const ours = (by: "size" | "batch") =>
      growthPoints(found, by)
        .filter((point) => point.side === "ours" && point.kind === "train")
        .map(({ x }) => x);
    expect(ours("size")).toEqual([320, 640]);
    expect(ours("batch")).toEqual([1, 4]);
  });

  test("four panels, a line for every side in each", () => {
    const svg = growthPlot(found, "size");
    const { document } = parseHTML(`<html><body>${svg}</body></html>`);
    expect(svg).not.toMatch(/NaN|Infinity/);
    const titles = [...document.querySelectorAll("text")].map((text) => text.textContent);
    for (const title of ["train, ms", "train, MiB", "inference, ms", "inference, MiB"]) expect(titles).toContain(title);
    expect(document.querySelectorAll('g[aria-label="line"] path')).toHaveLength(8);
  });
});
