import * as Plot from "@observablehq/plot";
import { chart, seriesColours, svgFile, textElement } from "./chart.js";

/** One run's accuracy at one window size. */
export interface TransferPoint {
  readonly variant: string;
  readonly x: number;
  /** From 0 to 1. */
  readonly y: number;
}

/** Accuracy over the window at which a model is used, a colour a variant: dots for runs, lines through their means. */
export function transferPlot(points: readonly TransferPoint[], { trained }: { trained: number }): string {
  const variants = [...new Set(points.map(({ variant }) => variant))];
  const windows = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const percent = points.map((point) => ({ ...point, y: 100 * point.y }));
  const means = variants.flatMap((variant) =>
    windows.map((x) => {
      const own = percent.filter((point) => point.variant === variant && point.x === x);
      return { variant, x, y: own.reduce((sum, { y }) => sum + y, 0) / own.length };
    }),
  );
  const stroke = ({ variant }: { variant: string }) => seriesColours[variants.indexOf(variant)];
  const legend = variants.map((variant, i) => {
    const y = 60 + i * 22;
    const line = `<line x1="528" x2="550" y1="${y}" y2="${y}" stroke="${seriesColours[i]}" stroke-width="3"/>`;
    return line + textElement(variant, { x: 558, y: y + 4.5, size: 13, anchor: "start" });
  });
  return svgFile(
    chart({
      title: `Trained at window ${trained}, used at larger ones without training`,
      width: 660,
      height: 400,
      marginTop: 40,
      marginLeft: 60,
      marginBottom: 48,
      marginRight: 150,
      inset: 8,
      extra: legend.join(""),
      x: { label: "window", ticks: windows, tickFormat: "d", labelAnchor: "center", labelArrow: "none" },
      y: { label: "top-1 %", grid: true, labelAnchor: "center", labelArrow: "none", labelOffset: 46 },
      marks: [
        Plot.line(means, { x: "x", y: "y", z: "variant", stroke, strokeWidth: 2.5 }),
        Plot.dot(percent, { x: "x", y: "y", fill: stroke, r: 3, fillOpacity: 0.6 }),
      ],
    }),
  );
}
