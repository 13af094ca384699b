import * as Plot from "@observablehq/plot";
import { fitText } from "../draw/text.js";
import { type ClassMetrics, smooth } from "../metrics/ap.js";
import { chart, look, seriesColours, svgFile, textElement } from "./chart.js";

/** Precision over recall, or F1, precision or recall over the confidence. */
export type CurveKind = "PR" | "F1" | "P" | "R";

/** The curves of all classes and their mean: in colours up to 20 classes, grey beyond. */
export function curvePlot(
  metrics: ClassMetrics,
  kind: CurveKind,
  { names = [] }: { names?: readonly string[] } = {},
): string {
  const { curves, x, y, title, note } = kinds[kind];
  const rows = curves(metrics);
  const mean = meanOf(rows);
  const shown = (row: readonly number[]) => thin(kind === "PR" ? row : smooth(row, 0.05));
  const coloured = rows.length > 0 && rows.length < 21;
  const labels = metrics.classes.map(
    (c, k) => `${names[c] ?? `class ${c}`}${kind === "PR" ? ` ${metrics.ap[k][0].toFixed(3)}` : ""}`,
  );
  const legend = [
    ...(coloured ? labels.map((text, k) => ({ text, colour: seriesColours[k], bold: false })) : []),
    { text: `all classes ${note(metrics, mean)}`, colour: look.line, bold: true },
  ];
  const size = { width: 820, height: 560 };
  const margins = { marginTop: 44, marginLeft: 56, marginBottom: 50, marginRight: 250 };
  const colour = (k: number) => (coloured ? seriesColours[k] : "#9ca3af");
  const line = (row: readonly number[], stroke: string, strokeWidth: number, strokeOpacity = 1) =>
    Plot.line(shown(row), { x: "x", y: "y", stroke, strokeWidth, strokeOpacity });
  return svgFile(
    chart({
      ...size,
      ...margins,
      title,
      extra: legendOf(legend, { left: size.width - margins.marginRight + 22, top: margins.marginTop + 8 }),
      x: { domain: [0, 1], label: x, labelAnchor: "center", labelArrow: "none", labelOffset: 40, grid: true },
      y: { domain: [0, 1], label: y, labelAnchor: "center", labelArrow: "none", labelOffset: 46, grid: true },
      marks: [
        ...rows.map((row, k) => line(row, colour(k), 1.2, coloured ? 0.9 : 0.5)),
        line(mean, look.line, 3.5),
        Plot.ruleY([0]),
        Plot.ruleX([0]),
      ],
    }),
  );
}

const two = (value: number): string => value.toFixed(2);

const atBest = (_: ClassMetrics, mean: readonly number[]): string => {
  const best = smooth(mean, 0.05);
  const at = best.reduce((top, value, i) => (value > best[top] ? i : top), 0);
  return `${two(best[at])} at ${(at / (best.length - 1)).toFixed(3)}`;
};

const kinds = {
  PR: {
    curves: ({ curves }: ClassMetrics) => curves.precisionAtRecall,
    x: "Recall",
    y: "Precision",
    title: "Precision-recall curve",
    note: ({ ap }: ClassMetrics, _mean: readonly number[]) =>
      `${(ap.reduce((sum, row) => sum + row[0], 0) / Math.max(ap.length, 1)).toFixed(3)} mAP@0.5`,
  },
  F1: {
    curves: ({ curves }: ClassMetrics) => curves.f1,
    x: "Confidence",
    y: "F1",
    title: "F1-confidence curve",
    note: atBest,
  },
  P: {
    curves: ({ curves }: ClassMetrics) => curves.precision,
    x: "Confidence",
    y: "Precision",
    title: "Precision-confidence curve",
    note: atBest,
  },
  R: {
    curves: ({ curves }: ClassMetrics) => curves.recall,
    x: "Confidence",
    y: "Recall",
    title: "Recall-confidence curve",
    note: atBest,
  },
} as const;

function meanOf(rows: readonly (readonly number[])[]): number[] {
  const points = rows[0]?.length ?? 1000;
  return Array.from(
    { length: points },
    (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / Math.max(rows.length, 1),
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

// The curve without points that a straight line between its neighbours passes by a thousandth.
function thin(row: readonly number[]): Point[] {
  const at = (i: number): Point => ({ x: i / (row.length - 1), y: row[i] });
  const kept = [at(0)];
  let start = 0;
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 1; i < row.length; i++) {
    const slope = (row[i] - row[start]) / (i - start);
    if (slope < low || slope > high) {
      start = i - 1;
      kept.push(at(start));
      [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    }
    low = Math.max(low, (row[i] - row[start] - 0.001) / (i - start));
    high = Math.min(high, (row[i] - row[start] + 0.001) / (i - start));
  }
  return [...kept, at(row.length - 1)];
}

function legendOf(
  entries: readonly { text: string; colour: string; bold: boolean }[],
  { left, top }: { left: number; top: number },
): string {
  return entries
    .map(({ text, colour, bold }, i) => {
      const y = top + i * 22;
      const words = fitText(text, 196, { size: 13 });
      const place = { x: left + 30, y: y + 4.5, size: 13, weight: bold ? 500 : 400, anchor: "start" as const };
      return `<line x1="${left}" x2="${left + 22}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="${bold ? 4 : 2}" stroke-linecap="round"/>${textElement(words, place)}`;
    })
    .join("");
}
