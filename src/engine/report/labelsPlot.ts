import * as Plot from "@observablehq/plot";
import { classColour, toHex } from "../draw/palette.js";
import { fitText, textWidth } from "../draw/text.js";
import { chart, type Drawing, look, panels, svgFile } from "./chart.js";

/** All objects of a data set: classes, and boxes cx, cy, w, h [n, 4] as fractions of their pictures. */
export interface LabelSet {
  readonly classes: ArrayLike<number>;
  readonly boxes: ArrayLike<number>;
}

/** What the labels of a data set look like: objects a class, boxes around one centre, where they lie, and how large they are. */
export function labelsPlot(labels: LabelSet, { names = [] }: { names?: readonly string[] } = {}): string {
  return svgFile(panels([classBars(labels, names), boxFan(labels), density(labels, "xy"), density(labels, "wh")], 2));
}

/** The labels' x, y, width and height against one another, and the spread of each. */
export function correlogramPlot({ boxes }: LabelSet): string {
  const axes = ["x", "y", "width", "height"];
  const drawings = axes.flatMap((down, i) =>
    axes.map((across, k): Drawing => {
      const size = { width: 210, height: 200 };
      if (k > i) return { svg: "", ...size };
      const frame = { ...size, marginTop: 10, marginRight: 10, marginLeft: 46, marginBottom: 40 };
      const x = { ...unitAxis(i === 3 ? across : null), labelOffset: 34 };
      const y = k === 0 && i > 0 ? down : null;
      if (k < i) return chart({ ...frame, x, y: { ...unitAxis(y), labelOffset: 38 }, ...heat(bins(boxes, k, i, 30)) });
      return chart({
        ...frame,
        x,
        y: { label: null, axis: null },
        marks: [bars(boxes, k), Plot.frame({ stroke: "#cbd5e1" })],
      });
    }),
  );
  return svgFile(panels(drawings, 4));
}

const size = { width: 520, height: 480 };
const margins = { marginTop: 44, marginRight: 24, marginLeft: 62, marginBottom: 58 };

function classBars({ classes }: LabelSet, names: readonly string[]): Drawing {
  const counts = new Array<number>(names.length).fill(0);
  for (const c of Array.from(classes)) counts[c] = (counts[c] ?? 0) + 1;
  const rows = Array.from(counts, (count = 0, c) => ({ c, count }));
  const named = names.length > 0 && names.length < 30;
  const labels = named ? names.map((name) => fitText(name, 130, { size: look.fontSize, face: "regular" })) : [];
  const longest = Math.max(0, ...labels.map((name) => textWidth(name, { size: look.fontSize, face: "regular" })));
  const room = (size.width - margins.marginLeft - margins.marginRight) / Math.max(rows.length, 1);
  const upright = longest + 8 > room;
  return chart({
    ...size,
    ...margins,
    marginBottom: named && upright ? longest + 26 : margins.marginBottom,
    title: "Instances of each class",
    x: {
      type: "band",
      domain: rows.map(({ c }) => c),
      label: null,
      tickSize: 0,
      ...(named ? { tickFormat: (c: number) => labels[c], tickRotate: upright ? -90 : 0 } : { ticks: [] }),
      padding: rows.length > 60 ? 0 : 0.15,
    },
    y: { label: null, grid: true, tickSize: 0, ticks: 6, insetTop: 16 },
    marks: [
      Plot.barY(rows, { x: "c", y: "count", fill: ({ c }: { c: number }) => toHex(classColour(c)) }),
      Plot.ruleY([0]),
      ...(rows.length <= 12
        ? [Plot.text(rows, { x: "c", y: "count", text: ({ count }: { count: number }) => String(count), dy: -8 })]
        : []),
    ],
  });
}

// The first thousand boxes, all laid on one centre.
function boxFan({ classes, boxes }: LabelSet): Drawing {
  const shown = Array.from({ length: Math.min(1000, classes.length) }, (_, i) => {
    const [w, h] = [boxes[i * 4 + 2], boxes[i * 4 + 3]];
    return {
      x1: 0.5 - w / 2,
      x2: 0.5 + w / 2,
      y1: 0.5 - h / 2,
      y2: 0.5 + h / 2,
      colour: toHex(classColour(classes[i])),
    };
  });
  return chart({
    ...size,
    ...margins,
    title: "Boxes around one centre",
    x: { domain: [0, 1], axis: null },
    y: { domain: [1, 0], axis: null },
    marks: [
      Plot.rect(shown, {
        x1: "x1",
        x2: "x2",
        y1: "y1",
        y2: "y2",
        stroke: "colour",
        fill: "none",
        strokeOpacity: 0.45,
        strokeWidth: 0.8,
      }),
      Plot.frame({ stroke: "#cbd5e1" }),
    ],
    color: { type: "identity" },
  });
}

function density({ boxes }: LabelSet, what: "xy" | "wh"): Drawing {
  const [first, names] = what === "xy" ? [0, ["x", "y"]] : [2, ["width", "height"]];
  const y = unitAxis(names[1]);
  return chart({
    ...size,
    ...margins,
    title: what === "xy" ? "Centres" : "Sizes",
    x: unitAxis(names[0]),
    y: what === "xy" ? { ...y, domain: [1, 0] } : y, // centres as in a picture, y downwards
    ...heat(bins(boxes, first, first + 1, 50)),
  });
}

const unitAxis = (label: string | null) => ({
  domain: [0, 1],
  label,
  labelAnchor: "center" as const,
  labelArrow: "none" as const,
  labelOffset: 44,
  ticks: 5,
});

interface Bin {
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
  readonly count: number;
}

function bins(boxes: ArrayLike<number>, xAt: number, yAt: number, n: number): Bin[] {
  const counts = new Map<number, number>();
  const slot = (value: number) => Math.min(n - 1, Math.max(0, Math.floor(value * n)));
  for (let i = 0; i + 4 <= boxes.length; i += 4) {
    const key = slot(boxes[i + yAt]) * n + slot(boxes[i + xAt]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => {
    const [x, y] = [key % n, Math.floor(key / n)];
    return { x1: x / n, x2: (x + 1) / n, y1: y / n, y2: (y + 1) / n, count };
  });
}

const heat = (cells: readonly Bin[], greatest = Math.max(1, ...cells.map(({ count }) => count))) => ({
  color: {
    scheme: "blues" as const,
    domain: [greatest * -0.15, greatest], // a single object is not lost in the white
  },
  marks: [
    Plot.rect(cells, { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: "count", inset: 0 }),
    Plot.frame({ stroke: "#cbd5e1" }),
  ],
});

function bars(boxes: ArrayLike<number>, at: number) {
  const n = 30;
  const counts = new Array<number>(n).fill(0);
  for (let i = at; i < boxes.length; i += 4) counts[Math.min(n - 1, Math.max(0, Math.floor(boxes[i] * n)))]++;
  const rows = counts.map((count, k) => ({ x1: k / n, x2: (k + 1) / n, count }));
  return Plot.rect(rows, {
    x1: "x1",
    x2: "x2",
    y1: 0,
    y2: "count",
    fill: look.line,
    fillOpacity: 0.75,
    insetRight: 0.6,
  });
}
