import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodePicture, UserError } from "swinyolo/data";
import { apPerClass, generalFormat, loadPlots, resultsHeader, resultsLine } from "swinyolo/engine";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../data/temporary.js";

const plots = await loadPlots();
const names = ["cat", 'dog <&> "fox"'];

const metrics = apPerClass({
  correct: [1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0],
  thresholds: 2,
  confidence: [0.95, 0.9, 0.8, 0.7, 0.6, 0.3],
  predicted: [0, 0, 0, 1, 1, 0],
  labels: [0, 0, 0, 1, 1],
});

const epochs = Array.from({ length: 12 }, (_, epoch) => [
  epoch,
  ...Array.from({ length: 13 }, (__, i) => (i + 1) / (epoch + 2)),
]);
const csv = resultsHeader() + epochs.map(resultsLine).join("");

describe("results.csv", () => {
  it("has columns of twenty characters, five digits", () => {
    const [header, first] = csv.split("\n");
    expect(header).toHaveLength(14 * 21 - 1);
    expect(header.slice(0, 41)).toBe("               epoch,      train/box_loss");
    expect(header.split(",").at(-1)).toBe("x/lr2".padStart(20));
    expect(first.slice(0, 41)).toBe("                   0,                 0.5");
    expect(resultsLine([3, 1 / 3, 1e-7])).toBe("                   3,             0.33333,               1e-07\n");
  });

  it("writes numbers as %g does", () => {
    expect([0.123456789, 1e-7, 5, 123456.7, 0, -2.5e-5, 1e6].map((value) => generalFormat(value, 6))).toEqual([
      "0.123457",
      "1e-07",
      "5",
      "123457",
      "0",
      "-2.5e-05",
      "1e+06",
    ]);
  });

  it("is read again", () => {
    const rows = plots.parseResults(csv);
    expect(rows).toHaveLength(12);
    expect(rows[2]).toMatchObject({ epoch: 2, "train/box_loss": 0.25, "metrics/mAP_0.5:0.95": 1.75 });
    expect(plots.parseResults("")).toEqual([]);
  });
});

describe("plots", () => {
  const labels = { classes: [0, 1, 1], boxes: [0.5, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 1, 1] };
  const all: Record<string, string> = {
    results: plots.resultsPlot(plots.parseResults(csv)),
    "results of no epoch": plots.resultsPlot([]),
    "results with gaps": plots.resultsPlot([{ epoch: 0, "train/box_loss": Number.NaN }]),
    labels: plots.labelsPlot(labels, { names }),
    "labels of nothing": plots.labelsPlot({ classes: [], boxes: [] }, { names }),
    correlogram: plots.correlogramPlot(labels),
    PR: plots.curvePlot(metrics, "PR", { names }),
    F1: plots.curvePlot(metrics, "F1", { names }),
    "P of no class": plots.curvePlot(
      apPerClass({ correct: [], thresholds: 10, confidence: [], predicted: [], labels: [] }),
      "P",
    ),
    confusion: plots.confusionPlot([5, 1, 2, 0, 7, 1, 1, 2, 0], { names }),
    "confusion of nothing": plots.confusionPlot(new Float64Array(9), { names }),
  };

  it.each(Object.keys(all))("%s: every number is one", (name) => {
    expect(all[name]).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(all[name]).not.toMatch(/NaN|undefined|Infinity/);
  });

  it.each(Object.keys(all))("%s: drawn without fonts", async (name) => {
    expect(plots.outlineTexts(all[name])).not.toMatch(/<text|<tspan/);
    const bytes = (await plots.encodePlot("plot.png", all[name])) as Uint8Array;
    expect([...bytes.subarray(1, 4)]).toEqual([80, 78, 71]);
  });

  it("say what they show", () => {
    expect(all.PR).toContain("all classes 0.726 mAP@0.5"); // (0.83 + 0.6225) / 2
    expect(all.PR).toContain("cat 0.830");
    expect(all.PR).toContain("dog &#60;&#38;&#62;");
    expect(all.confusion).toContain("0.83"); // 5 of the 6 labels of class 0
    for (const column of plots.resultsPanels) expect(all.results).toContain(column);
  });
});

describe("writePlot", () => {
  it("goes by the ending, and leaves nothing else", async () => {
    const folder = temporaryFolder();
    const svg = plots.confusionPlot([5, 1, 0, 2], { names: ["cell"] });
    for (const file of ["a.svg", "a.png", "a.jpg"]) await plots.writePlot(join(folder, "new", file), svg);
    expect(readdirSync(join(folder, "new")).sort()).toEqual(["a.jpg", "a.png", "a.svg"]);
    expect(readFileSync(join(folder, "new", "a.svg"), "utf8")).toBe(svg);
    const png = await decodePicture(join(folder, "new", "a.png"));
    const [, width] = /width="([\d.]+)"/.exec(svg)!;
    expect(Math.abs(png.width - 2 * Number(width))).toBeLessThanOrEqual(1);
    expect([...png.data.subarray(0, 3)]).toEqual([255, 255, 255]);
    expect(new Set(png.data).size).toBeGreaterThan(20);
    expect(png.data.subarray(0, 48 * png.width * 3).some((value) => value < 80)).toBe(true); // the title
    await expect(plots.writePlot(join(folder, "a.gif"), svg)).rejects.toThrow(UserError);
  });
});
