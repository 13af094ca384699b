import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Duel } from "./duel.js";

interface Point {
  readonly kind: string;
  readonly model: string;
  readonly side: string;
  readonly x: number;
  readonly ms: number;
  readonly mebibytes: number;
}

/**
 * Four panels as SVG: milliseconds and MiB of training and inference, by picture size (at the smallest batch) or by batch (at
 * the smallest size); both axes logarithmic, so that the slope is the power.
 */
export function growthPlot(found: readonly Duel[], by: "size" | "batch"): string {
  const points = growthPoints(found, by);
  const panels = ["train", "inference"].flatMap((kind) => {
    const own = points.filter((point) => point.kind === kind);
    return own.length > 0 ? [panel(own, "ms", `${kind}, ms`, by), panel(own, "mebibytes", `${kind}, MiB`, by)] : [];
  });
  const height = Math.ceil(panels.length / 2) * side.height + legendHeight;
  const placed = panels.map((svg, i) => {
    const at = `${(i % 2) * side.width},${Math.floor(i / 2) * side.height + legendHeight}`;
    return `<g transform="translate(${at})">${svg}</g>`;
  });
  const width = 2 * side.width;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="currentColor" color="#1f2933"><title>Time and memory by ${by}</title><rect width="${width}" height="${height}" fill="white"/>${legend(points)}${placed.join("")}</svg>\n`;
}

/** The cases that a plot shows: those that differ from the smallest in one thing only. */
export function growthPoints(found: readonly Duel[], by: "size" | "batch"): Point[] {
  const fixed = by === "size" ? "batch" : "size";
  const least = Math.min(...found.map((one) => one[fixed]));
  return found
    .filter((one) => one[fixed] === least)
    .flatMap((one) =>
      [{ name: "ours", side: one.ours }, ...one.rivals].flatMap(({ name, side: times }) =>
        times
          ? [
              {
                kind: one.kind,
                model: one.model,
                side: name,
                x: one[by],
                ms: times.ms,
                mebibytes: times.peak / 2 ** 20,
              },
            ]
          : [],
      ),
    );
}

const side = { width: 380, height: 260 };
const legendHeight = 30;
const colours = ["#2563eb", "#f97316", "#16a34a", "#7c3aed", "#dc2626", "#0891b2"];

const series = (points: readonly Point[]) => [...new Set(points.map((point) => `${point.model}, ${point.side}`))];
const models = (points: readonly Point[]) => [...new Set(points.map(({ model }) => model))];

function panel(points: readonly Point[], y: "ms" | "mebibytes", title: string, by: string): string {
  const { document } = parseHTML("<!doctype html><html></html>");
  const names = models(points);
  const ticks = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const lines = series(points).map((name) => {
    const own = points.filter((point) => `${point.model}, ${point.side}` === name).sort((a, b) => a.x - b.x);
    const stroke = colours[names.indexOf(own[0].model) % colours.length];
    const dashes = own[0].side === "ours" ? {} : { strokeDasharray: "4 3" };
    return [Plot.line(own, { x: "x", y, stroke, ...dashes }), Plot.dot(own, { x: "x", y, fill: stroke, r: 2.5 })];
  });
  const plot = Plot.plot({
    ...side,
    document: document as unknown as Document,
    marginTop: 30,
    marginLeft: 56,
    marginBottom: 38,
    figure: false,
    x: { type: "log", label: by, ticks, tickFormat: "d" },
    y: { type: "log", label: null, grid: true, ticks: 5, tickFormat: "~s" },
    marks: lines.flat(),
  });
  for (const style of plot.querySelectorAll("style")) style.remove();
  const heading = `<text x="${side.width / 2}" y="16" text-anchor="middle" font-size="14">${title}</text>`;
  return `<g text-anchor="middle">${plot.innerHTML}</g>${heading}`;
}

// Colours are models, dashes are the other side.
function legend(points: readonly Point[]): string {
  const names = models(points);
  return series(points)
    .map((name, i) => {
      const model = name.slice(0, name.lastIndexOf(","));
      const colour = colours[names.indexOf(model) % colours.length];
      const dashes = name.endsWith(", ours") ? "" : ' stroke-dasharray="4 3"';
      const x = 12 + i * 187;
      return `<path d="M${x},18h24" stroke="${colour}" stroke-width="2"${dashes}/><text x="${x + 30}" y="22">${name}</text>`;
    })
    .join("");
}
