import * as Plot from "@observablehq/plot";
import { fitText, textWidth } from "../draw/text.js";
import { chart, look, svgFile, textElement } from "./chart.js";

/**
 * A confusion matrix [classes + 1, classes + 1] (rows predicted, columns true, the last ones background) as shares of each column:
 * below half a percent blank, with numbers up to 30 classes. Without `background` it is [classes, classes].
 */
export function confusionPlot(
  matrix: ArrayLike<number>,
  { names = [], normalize = true, background = true }: ConfusionPlotOptions = {},
): string {
  const side = Math.round(Math.sqrt(matrix.length));
  const nc = background ? side - 1 : side;
  const cells = cellsOf(matrix, { side, normalize });
  const named = nc > 0 && nc < 99 && names.length === nc;
  const cell = Math.min(side < 5 ? 110 : 64, Math.max(9, Math.floor(760 / side)));
  const size = Math.min(look.fontSize, Math.max(7, cell - 1));
  const style = { size, face: "regular" as const };
  const labels = Array.from({ length: side }, (_, i) =>
    fitText(i === nc ? "background" : named ? names[i] : String(i), 220, style),
  );
  const longest = Math.max(...labels.map((label) => textWidth(label, style)));
  const title = normalize ? "Confusion matrix, normalised by column" : "Confusion matrix";
  // With few classes the title is the widest.
  const marginRight = Math.max(24, textWidth(title, { size: 14 }) + 24 - (longest + 48 + side * cell));
  const margin = { marginTop: 44, marginRight, marginLeft: longest + 48, marginBottom: longest + 48 };
  const greatest = normalize ? 1 : Math.max(1, ...cells.map(({ value }) => value));
  const axis = {
    domain: Array.from({ length: side }, (_, i) => i),
    padding: 0,
    tickFormat: (i: number) => labels[i],
    label: null,
    tickSize: 0,
  };
  const text = (value: number) => (normalize ? value.toFixed(2) : String(value));
  return svgFile(
    chart({
      ...margin,
      fontSize: size,
      width: margin.marginLeft + side * cell + margin.marginRight,
      height: margin.marginTop + side * cell + margin.marginBottom,
      title,
      x: { ...axis, type: "band", tickRotate: -90 },
      y: { ...axis, type: "band" },
      extra: axisTitles({ left: margin.marginLeft, top: margin.marginTop, side: side * cell, offset: longest + 34 }),
      color: { scheme: "blues", domain: [-0.05 * greatest, greatest] },
      marks: [
        Plot.cell(cells, { x: "truth", y: "predicted", fill: "value" }),
        ...(nc < 30
          ? [
              Plot.text(cells, {
                x: "truth",
                y: "predicted",
                text: ({ value }: Cell) => text(value),
                fontSize: Math.min(13, Math.max(7, cell / 3)),
                fill: ({ value }: Cell) => (value > 0.5 * greatest ? "white" : look.text),
              }),
            ]
          : []),
        Plot.frame({ stroke: "#cbd5e1" }),
      ],
    }),
  );
}

interface ConfusionPlotOptions {
  readonly names?: readonly string[];
  readonly normalize?: boolean;
  readonly background?: boolean;
}

function axisTitles({ left, top, side, offset }: { left: number; top: number; side: number; offset: number }): string {
  const truth = textElement("True", { x: left + side / 2, y: top + side + offset });
  const predicted = textElement("Predicted", { x: 0, y: 0 });
  return `${truth}<g transform="translate(${left - offset},${top + side / 2}) rotate(-90)">${predicted}</g>`;
}

interface Cell {
  readonly predicted: number;
  readonly truth: number;
  readonly value: number;
}

function cellsOf(matrix: ArrayLike<number>, { side, normalize }: { side: number; normalize: boolean }): Cell[] {
  const sums = Array.from({ length: side }, (_, truth) => {
    let sum = 0;
    for (let predicted = 0; predicted < side; predicted++) sum += matrix[predicted * side + truth];
    return sum;
  });
  return Array.from({ length: side * side }, (_, i): Cell => {
    const [predicted, truth] = [Math.floor(i / side), i % side];
    const count = matrix[i];
    return { predicted, truth, value: normalize ? count / (sums[truth] + 1e-9) : count };
  }).filter(({ value }) => (normalize ? value >= 0.005 : value > 0));
}
