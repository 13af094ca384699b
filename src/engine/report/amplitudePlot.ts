import * as Plot from "@observablehq/plot";
import { chart, look, panels, svgFile, textElement } from "./chart.js";

/** The amplitudes of all blocks after one epoch, first block first. */
export interface AmplitudeCurve {
  readonly epoch: number;
  readonly values: readonly number[];
}

export interface AmplitudePanel {
  readonly title: string;
  readonly curves: readonly AmplitudeCurve[];
}

/** Amplitude over the blocks on a logarithmic scale, a line an epoch from light to dark; panels share their scale. */
export function amplitudePlot(given: readonly AmplitudePanel[]): string {
  const all = given.flatMap(({ curves }) => curves.flatMap(({ values }) => values)).filter((x) => x > 0);
  const finite = all.filter(Number.isFinite);
  const domain = finite.length > 0 ? [Math.min(...finite) / 1.2, Math.max(...finite) * 1.2] : [0.1, 10];
  return svgFile(
    panels(
      given.map((one) => panel(one, domain)),
      Math.min(given.length, 2),
    ),
  );
}

function panel({ title, curves }: AmplitudePanel, domain: readonly number[]) {
  const last = Math.max(...curves.map(({ epoch }) => epoch), 1);
  const points = curves.flatMap(({ epoch, values }) => values.map((y, i) => ({ epoch, x: i + 1, y })));
  const shown = points.filter(({ y }) => y > 0 && Number.isFinite(y));
  const blocks = curves[0]?.values.length ?? 1;
  // The first epoch pale, the last one in full colour.
  const opacity = ({ epoch }: { epoch: number }) => 0.15 + (0.85 * epoch) / last;
  const note = (text: string, x: number, strokeOpacity: number) =>
    `<line x1="${x}" x2="${x + 22}" y1="40" y2="40" stroke="${look.line}" stroke-width="2" stroke-opacity="${strokeOpacity}"/>${textElement(text, { x: x + 28, y: 44, anchor: "start" })}`;
  return chart({
    title,
    width: 420,
    height: 360,
    marginTop: 62,
    marginLeft: 70,
    marginBottom: 46,
    marginRight: 16,
    inset: 6,
    extra: note("at the start", 110, 0.15) + note(`after epoch ${last}`, 250, 1),
    x: {
      label: "block",
      ticks: blocks > 12 ? undefined : Array.from({ length: blocks }, (_, i) => i + 1),
      tickFormat: "d",
      labelAnchor: "center",
      labelArrow: "none",
    },
    y: {
      type: "log",
      domain: domain as [number, number],
      label: "standard deviation of the block's output",
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 58,
      grid: true,
      tickFormat: (value: number) => (/^[125]/.test(value.toExponential()) ? String(Number(value.toPrecision(3))) : ""),
    },
    marks: [
      Plot.line(shown, { x: "x", y: "y", z: "epoch", stroke: look.line, strokeWidth: 1.6, strokeOpacity: opacity }),
    ],
  });
}
