import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** A drawing: SVG text with its size in pixels. */
export interface Drawing {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

/** Colours and sizes that all plots share. */
export const look = {
  text: "#1f2933",
  faint: "#8a94a3",
  line: "#2563eb",
  accent: "#f97316",
  fontSize: 12,
  font: "Roboto, system-ui, sans-serif",
} as const;

/** Colours of curves, apart from one another and from white. */
export const seriesColours: readonly string[] = [
  "#2563eb",
  "#f97316",
  "#16a34a",
  "#dc2626",
  "#7c3aed",
  "#0891b2",
  "#db2777",
  "#a16207",
  "#4b5563",
  "#65a30d",
  "#4338ca",
  "#ea580c",
  "#0d9488",
  "#be123c",
  "#9333ea",
  "#0369a1",
  "#c026d3",
  "#78350f",
  "#1e293b",
  "#15803d",
];

/** A plot of marks as SVG, with a title above it and `extra` SVG over it. */
export function chart({
  title,
  extra = "",
  fontSize = look.fontSize,
  ...options
}: Plot.PlotOptions & { title?: string; extra?: string; fontSize?: number; width: number; height: number }): Drawing {
  const { width, height } = options;
  const { document } = parseHTML("<!doctype html><html></html>");
  const plot = Plot.plot({
    ...options,
    document,
    style: { fontSize: `${fontSize}px`, fontFamily: look.font },
    figure: false,
  } as Plot.PlotOptions);
  for (const style of plot.querySelectorAll("style")) style.remove();
  const heading = title ? textElement(title, { x: width / 2, y: 18, size: 14, weight: 500 }) : "";
  return { svg: svgElement({ width, height }, `${plot.innerHTML}${heading}${extra}`, fontSize), width, height };
}

/** Drawings side by side, in rows of so many. */
export function panels(drawings: readonly Drawing[], columns: number): Drawing {
  const [width, height] = [drawings[0].width, drawings[0].height];
  const rows = Math.ceil(drawings.length / columns);
  const placed = drawings.map(({ svg }, i) => {
    const [x, y] = [(i % columns) * width, Math.floor(i / columns) * height];
    return `<g transform="translate(${x},${y})">${svg}</g>`;
  });
  const size = { width: width * Math.min(columns, drawings.length), height: height * rows };
  return { svg: svgElement(size, placed.join("")), ...size };
}

/** A drawing as an SVG file: on white, with its namespace. */
export function svgFile({ svg, width, height }: Drawing): string {
  const ground = `<rect width="${width}" height="${height}" fill="white"/>`;
  return svg.replace(/>/, ` xmlns="http://www.w3.org/2000/svg">${ground}`);
}

/** A line of text around or from a point. */
export function textElement(
  text: string,
  {
    x,
    y,
    size = look.fontSize,
    weight = 400,
    anchor = "middle",
    fill = look.text,
  }: { x: number; y: number; size?: number; weight?: number; anchor?: "start" | "middle" | "end"; fill?: string },
): string {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}">${escapeXml(text)}</text>`;
}

const escapeXml = (text: string): string => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);

const svgElement = (
  { width, height }: { width: number; height: number },
  content: string,
  fontSize = look.fontSize as number,
): string =>
  `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" color="${look.text}" fill="currentColor" font-family="${look.font}" font-size="${fontSize}" text-anchor="middle">${content}</svg>`;
