import * as Plot from "@observablehq/plot";
import type { ResultsRow } from "../run/results.js";
import { chart, look, panels, svgFile } from "./chart.js";

/** Losses and metrics over the epochs, a panel each: dots, and a smoothed line through them. */
export function resultsPlot(rows: readonly ResultsRow[], columns: readonly string[] = resultsPanels): string {
  const drawings = columns.map((column) => panel(rows, column));
  return svgFile(panels(drawings, Math.ceil(columns.length / 2)));
}

/** The columns that are plotted, in order. */
export const resultsPanels = [
  "train/box_loss",
  "train/obj_loss",
  "train/cls_loss",
  "metrics/precision",
  "metrics/recall",
  "val/box_loss",
  "val/obj_loss",
  "val/cls_loss",
  "metrics/mAP_0.5",
  "metrics/mAP_0.5:0.95",
] as const;

function panel(rows: readonly ResultsRow[], column: string) {
  const points = rows
    .map((row, i) => ({ epoch: row.epoch ?? i, value: row[column] }))
    .filter(({ value }) => Number.isFinite(value));
  const smoothed = gaussian(
    points.map(({ value }) => value),
    3,
  );
  const line = points.map(({ epoch }, i) => ({ epoch, value: smoothed[i] }));
  const flat = points.every(({ value }) => value === points[0].value);
  return chart({
    title: column,
    width: 280,
    height: 240,
    marginTop: 32,
    marginLeft: 52,
    marginRight: 18,
    marginBottom: 34,
    inset: 4,
    x: { label: null, ticks: wholeTicks(points.map(({ epoch }) => epoch)), tickFormat: "d" },
    y: { label: null, grid: true, ticks: 5, tickSize: 0, ...(flat && { domain: around(points[0]?.value ?? 0) }) },
    marks: [
      Plot.lineY(points, { x: "epoch", y: "value", stroke: look.line, strokeOpacity: 0.3, strokeWidth: 1 }),
      Plot.dot(points, { x: "epoch", y: "value", fill: look.line, r: points.length > 60 ? 1.2 : 2, fillOpacity: 0.7 }),
      ...(points.length > 4
        ? [Plot.lineY(line, { x: "epoch", y: "value", stroke: look.accent, strokeWidth: 1.8 })]
        : []),
    ],
  });
}

const around = (value: number): [number, number] => [value - 0.5, value + 0.5];

// A few whole epochs.
function wholeTicks(epochs: readonly number[]): number[] {
  if (epochs.length === 0) return [0];
  const [first, last] = [epochs[0], epochs[epochs.length - 1]];
  const step =
    [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2500, 5000].find((s) => (last - first) / s <= 5) ?? last;
  const ticks: number[] = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last; tick += step) ticks.push(tick);
  return ticks;
}

// Gaussian filter, the ends mirrored.
function gaussian(values: readonly number[], sigma: number): number[] {
  const n = values.length;
  const reach = Math.ceil(4 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * sigma * sigma)));
  const total = weights.reduce((sum, w) => sum + w, 0);
  const mirrored = (i: number) => {
    const at = ((i % (2 * n)) + 2 * n) % (2 * n);
    return values[at < n ? at : 2 * n - 1 - at];
  };
  return values.map((_, i) => weights.reduce((sum, w, k) => sum + w * mirrored(i + k - reach), 0) / total);
}
