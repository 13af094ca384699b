import {
  largestBatch,
  mildestSwitches,
  type PeakCase,
  type Precision,
  planActivations,
  planBlock,
  planBuffers,
  planDevice,
  planStates,
  swinParameters,
  swinShapes,
  swinStages,
  trafficOf,
  usualWindows,
} from "swinyolo/engine";
import { describe, expect, test } from "vitest";

const nameOf = (letter: string) => `swinv2-${letter === "g" ? "giant" : letter.toLowerCase()}`;
const stagesOf = (letter: string, imgsz: number) => swinStages(swinShapes[nameOf(letter)], imgsz, usualWindows(imgsz));
const rowsOf = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));

const forms: readonly Pick<PeakCase, "recompute" | "sequential" | "form">[] = [
  { recompute: "none", sequential: 0 },
  { recompute: "block", sequential: 0 },
  { recompute: "block", sequential: 2, form: "loop" },
  { recompute: "block", sequential: 2 },
  { recompute: "block", sequential: 4 },
];

const peaks = (letter: string, imgsz: number, precision: Precision, batch = 1) =>
  forms.map((form) => planActivations(stagesOf(letter, imgsz), { batch, precision, ...form }).peak);

/** As printed: to half of the last digit. */
const near = (value: number, printed: string) =>
  expect(Math.abs(value - Number(printed))).toBeLessThanOrEqual(
    0.5000001 * 10 ** -(printed.split(".")[1]?.length ?? 0),
  );

describe("activations, to the byte", () => {
  test.each([
    ["T", 192, "fp32", 1, [139612800, 33330176, 34878464, 31671296, 31671296]],
    ["B", 640, "amp", 1, [13278806016, 2814592000, 1615283200, 1097548800, 1097548800]],
    ["G", 1536, "p16", 1, [393941424128, 41643019264, 30544890880, 13313526784, 7937592320]],
    ["G", 192, "p16", 8, [12623327232, 1074367488, 1215925248, 697469952, 697469952]],
    ["G", 1536, "fp32", 1, [357794861056, 42997909504, 28124907520, 15838627840, 10953426944]],
  ] as const)(
    "%s at %i, %s, batch %i: none, block, loop, chunks in two stages, in all",
    (letter, size, precision, batch, expected) => {
      expect(peaks(letter, size, precision, batch)).toEqual(expected);
    },
  );

  test("T at 256, window 8, stage by stage", () => {
    const stages = swinStages(swinShapes["swinv2-t"], 256, 8);
    const plan = (recompute: "none" | "block") =>
      planActivations(stages, { batch: 1, precision: "fp32", recompute, sequential: 0 });
    expect(plan("none").stages.map(({ kept, peak }) => [kept, peak])).toEqual([
      [36947968, 44812288],
      [18761728, 22693888],
      [9754624, 11720704],
      [5401600, 6384640],
    ]);
    expect(plan("none").peak).toBe(187435008);
    expect(plan("block").peak).toBe(49530880);
  });

  test("G at 1536, p16, stage by stage", () => {
    const stages = stagesOf("G", 1536).map((stage) =>
      planBlock(stage, { batch: 1, precision: "p16", attention: "whole" }),
    );
    expect(stages.map(({ tokens, logits, kept, peak, input }) => [tokens, logits, kept, peak, input])).toEqual([
      [147456, 2415919104, 27902479360, 41039039488, 150994944],
      [36864, 1207959552, 14057409536, 20625689600, 75497472],
      [9216, 603979776, 7235980288, 10520120320, 37748736],
      [2304, 75497472, 1249221632, 1532337152, 18874368],
    ]);
  });

  test("a stage computed again holds all its blocks at once, and less than the network", () => {
    const at = (recompute: PeakCase["recompute"]) =>
      planActivations(stagesOf("T", 512), { batch: 1, precision: "fp32", recompute, sequential: 0 });
    const [first] = at("block").stages;
    const patches = 4 * 128 ** 2 * 96;
    expect(at("stage").peak).toBe(patches + first.input + first.kept + first.peak);
    expect(at("stage").peak).toBeLessThan(at("none").peak);
    expect(at("stage").at).toEqual({ stage: 0, block: 1 });
  });
});

describe("activations, as printed in GB", () => {
  const tables: Record<Precision, string> = {
    p16: `
  T 7.38 2.11 1.48 1.00 1.00 11.27 3.49 2.56 1.58 1.58 24.74 7.82 5.74 3.46 3.46
  S 13.13 2.11 1.48 1.00 1.00 18.98 3.49 2.56 1.58 1.58 41.14 7.82 5.74 3.46 3.46
  B 17.36 2.81 1.97 1.10 1.10 25.21 4.65 3.41 1.75 1.75 54.76 10.42 7.65 3.81 3.81
  L 25.83 4.20 2.95 1.41 1.49 37.68 6.97 5.12 2.13 2.07 82.00 15.63 11.46 4.66 4.50
  H 47.00 7.69 5.39 2.57 2.67 68.86 12.76 9.37 3.90 2.90 150.10 28.63 21.00 8.53 6.22
  g 59.71 9.78 6.85 3.26 3.39 87.57 16.23 11.92 4.96 3.39 190.97 36.44 26.73 10.86 7.25
  G 128.17 11.17 7.83 3.88 4.02 181.96 18.55 13.62 6.07 3.72 393.94 41.64 30.54 13.31 7.94`,
    amp: `
  T 5.79 2.11 1.21 0.99 0.99 9.38 3.55 2.15 1.62 1.62 20.79 7.98 4.83 3.56 3.56
  S 9.97 2.11 1.21 0.99 0.99 15.56 3.55 2.15 1.62 1.62 34.20 7.98 4.83 3.56 3.56
  B 13.28 2.81 1.62 1.10 1.10 20.74 4.73 2.87 1.80 1.80 45.60 10.63 6.44 3.94 3.94
  L 19.94 4.22 2.42 1.37 1.44 31.16 7.10 4.30 2.30 2.16 68.43 15.95 9.66 5.10 4.70
  H 36.85 7.73 4.43 2.53 2.63 57.45 13.01 7.89 4.24 3.05 125.78 29.23 17.71 9.36 6.60
  g 47.29 9.84 5.64 3.23 3.35 73.39 16.55 10.04 5.41 3.59 160.37 37.20 22.53 11.93 7.75
  G 101.61 11.24 6.45 4.02 4.15 153.35 18.92 11.47 7.00 4.07 330.04 42.51 25.75 15.46 8.51`,
    fp32: `
  T 6.58 2.15 1.31 1.09 1.09 10.31 3.60 2.36 1.83 1.83 22.62 8.07 5.28 4.03 4.03
  S 11.72 2.15 1.31 1.09 1.09 17.29 3.60 2.36 1.83 1.83 37.45 8.07 5.28 4.03 4.03
  B 15.53 2.86 1.74 1.23 1.23 22.99 4.79 3.14 2.08 2.08 49.87 10.76 7.04 4.56 4.56
  L 23.16 4.28 2.61 1.51 1.61 34.39 7.19 4.71 2.57 2.57 74.71 16.13 10.55 5.62 5.62
  H 42.22 7.84 4.77 2.75 2.91 62.90 13.17 8.63 4.39 3.82 136.80 29.56 19.34 9.65 8.29
  g 53.66 9.98 6.07 3.50 3.69 80.01 16.76 10.98 5.59 4.56 174.06 37.62 24.61 12.27 9.89
  G 115.21 11.40 6.93 4.31 4.52 165.79 19.15 12.54 7.19 5.06 357.79 43.00 28.12 15.84 10.95`,
  };
  test.each(Object.entries(tables) as [Precision, string][])("%s", (precision, text) => {
    for (const [letter, ...printed] of rowsOf(text)) {
      const found = [640, 1024, 1536].flatMap((size) => peaks(letter, size, precision));
      expect(printed.length).toBe(found.length);
      for (const [i, value] of found.entries()) near(value / 1e9, printed[i]);
    }
  });

  test("192, p16", () => {
    const printed = {
      T: [0.12, 0.03],
      B: [0.28, 0.04],
      L: [0.4, 0.05],
      H: [0.7, 0.09],
      g: [0.88, 0.12],
      G: [1.85, 0.14],
    };
    for (const [letter, [none, block]] of Object.entries(printed)) {
      const found = peaks(letter, 192, "p16");
      near(found[0] / 1e9, none.toFixed(2));
      near(found[1] / 1e9, block.toFixed(2));
    }
  });
});

describe("states", () => {
  test("of ZeRO's example, 7.5e9 parameters on 64 devices", () => {
    const total = (zero: 0 | 1 | 2 | 3) => planStates(7.5e9, { precision: "p16", zero, devices: 64 }).total / 1e9;
    expect([0, 1, 2, 3].map((zero) => total(zero as 0).toFixed(1))).toEqual(["120.0", "31.4", "16.6", "1.9"]);
  });

  test("of every network, in GB", () => {
    for (const [letter, parameters, all, ...printed] of rowsOf(stateTable)) {
      expect(swinParameters(swinShapes[nameOf(letter)])).toBe(Number(parameters));
      near((16 * Number(parameters)) / 1e9, all);
      const found = (["fp32", "p16"] as const).flatMap((precision) =>
        ([1, 2, 3] as const).flatMap((zero) =>
          [8, 64].map((devices) => planStates(Number(parameters), { precision, zero, devices }).total),
        ),
      );
      for (const [i, value] of found.entries()) near(value / 1e9, printed[i]);
    }
  });

  test("traffic: sharing weights costs half as much again", () => {
    expect([0, 1, 2, 3].map((zero) => trafficOf({ zero: zero as 0, devices: 8 }))).toEqual([2, 2, 2, 3]);
    expect(trafficOf({ zero: 3, devices: 1 })).toBe(0);
  });

  test("parameters without a head", () => {
    expect(swinParameters(swinShapes["swinv2-g"], 0)).toBe(2997843680);
    expect(swinParameters(swinShapes["swinv2-b"], 21841)).toBe(109280841);
  });

  test("the largest block gathered: 201e6 parameters of G in half precision", () => {
    near(caseOf("G", 640, { zero: 3, devices: 64, precision: "p16" }).plan.gathered / 1e9, "0.40");
    expect(caseOf("G", 640, { zero: 2, devices: 64, precision: "p16" }).plan.gathered).toBe(0);
  });
});

test("masks and indices of G, in GB", () => {
  const printed = {
    192: [0.002, 0.002, 0.008, 0],
    640: [0.205, 0.205, 0.947, 0.022],
    1024: [0.69, 0.353, 0.388, 0.009],
    1536: [1.552, 0.795, 0.388, 0.009],
  };
  for (const [size, values] of Object.entries(printed)) {
    const { masks, sharedMasks, indices, sharedIndices } = planBuffers(stagesOf("G", Number(size)));
    for (const [i, value] of [masks, sharedMasks, indices, sharedIndices].entries())
      near(value / 1e9, values[i].toFixed(3));
  }
});

test("G on devices of 40 GiB: states and activations", () => {
  for (const [size, devices, zero, states, ...totals] of rowsOf(workedExample)) {
    const all = [forms[0], forms[1], forms[3], forms[4]].map(
      (form) =>
        caseOf("G", Number(size), { devices: Number(devices), zero: Number(zero) as 0, precision: "p16", ...form })
          .plan,
    );
    near(all[0].states.total / 1e9, states);
    for (const [i, plan] of all.entries()) near((plan.states.total + plan.activations.peak) / 1e9, totals[i]);
  }
});

describe("what fits into 38 GiB", () => {
  const usable = 38 * 2 ** 30;

  test.each([
    ["G", 192, 8, [15, 181, 281]],
    ["G", 192, 64, [18, 210, 327]],
    ["G", 640, 64, [0, 2, 17]],
    ["L", 640, 8, [1, 9, 39]],
  ] as const)("%s at %i on %i devices: the largest batch", (letter, size, devices, expected) => {
    const found = [forms[0], forms[1], forms[4]].map((form) =>
      largestBatch(caseOf(letter, size, { devices, zero: 1, precision: "p16", ...form }).wanted, usable),
    );
    expect(found).toEqual(expected);
  });

  test("G at 1536 needs all three", () => {
    const { wanted } = caseOf("G", 1536, { devices: 8, precision: "p16" });
    expect(mildestSwitches(wanted, usable)).toEqual({ zero: 1, recompute: "block", sequential: 2 });
    expect(mildestSwitches({ ...wanted, devices: 1 }, usable)).toBeUndefined();
  });
});

function caseOf(letter: string, imgsz: number, given: Partial<Parameters<typeof planDevice>[0]>) {
  const wanted = {
    shape: swinShapes[nameOf(letter)],
    stages: stagesOf(letter, imgsz),
    classes: 1000,
    batch: 1,
    zero: 0,
    devices: 1,
    precision: "fp32",
    recompute: "none",
    sequential: 0,
    ...given,
  } as const;
  return { wanted, plan: planDevice(wanted) };
}

// network, parameters, 16 bytes each; fp32 then p16: ZeRO 1, 2, 3 on 8 and 64 devices
const stateTable = `
  T 28347154 0.454 0.255 0.230 0.156 0.119 0.057 0.007 0.156 0.119 0.106 0.063 0.057 0.007
  S 49728418 0.796 0.448 0.404 0.274 0.208 0.099 0.012 0.274 0.208 0.186 0.110 0.099 0.012
  B 87918816 1.407 0.791 0.714 0.484 0.368 0.176 0.022 0.484 0.368 0.330 0.195 0.176 0.022
  L 196739932 3.148 1.771 1.599 1.082 0.824 0.393 0.049 1.082 0.824 0.738 0.437 0.393 0.049
  H 658036370 10.529 5.922 5.347 3.619 2.756 1.316 0.165 3.619 2.756 2.468 1.460 1.316 0.165
  g 1064561996 17.033 9.581 8.650 5.855 4.458 2.129 0.266 5.855 4.458 3.992 2.362 2.129 0.266
  G 3001940680 48.031 27.017 24.391 16.511 12.571 6.004 0.750 16.511 12.571 11.257 6.661 6.004 0.750`;

// size, devices, ZeRO, states; totals without recompute, with it, with chunks in two stages, in all
const workedExample = `
  640 1 0 48.03 176.2 59.2 51.9 52.1
  640 8 0 48.03 176.2 59.2 51.9 52.1
  640 8 1 16.51 144.7 27.7 20.4 20.5
  640 8 2 11.26 139.4 22.4 15.1 15.3
  640 8 3 6.00 134.2 17.2 9.9 10.0
  640 64 0 48.03 176.2 59.2 51.9 52.1
  640 64 1 12.57 140.7 23.7 16.5 16.6
  640 64 2 6.66 134.8 17.8 10.5 10.7
  640 64 3 0.75 128.9 11.9 4.6 4.8
  1024 1 0 48.03 230.0 66.6 54.1 51.8
  1024 8 0 48.03 230.0 66.6 54.1 51.8
  1024 8 1 16.51 198.5 35.1 22.6 20.2
  1024 8 2 11.26 193.2 29.8 17.3 15.0
  1024 8 3 6.00 188.0 24.6 12.1 9.7
  1024 64 0 48.03 230.0 66.6 54.1 51.8
  1024 64 1 12.57 194.5 31.1 18.6 16.3
  1024 64 2 6.66 188.6 25.2 12.7 10.4
  1024 64 3 0.75 182.7 19.3 6.8 4.5
  1536 1 0 48.03 442.0 89.7 61.3 56.0
  1536 8 0 48.03 442.0 89.7 61.3 56.0
  1536 8 1 16.51 410.5 58.2 29.8 24.4
  1536 8 2 11.26 405.2 52.9 24.6 19.2
  1536 8 3 6.00 399.9 47.6 19.3 13.9
  1536 64 0 48.03 442.0 89.7 61.3 56.0
  1536 64 1 12.57 406.5 54.2 25.9 20.5
  1536 64 2 6.66 400.6 48.3 20.0 14.6
  1536 64 3 0.75 394.7 42.4 14.1 8.7`;
