// A border is followed on a grid finer than the pixels by this.
const scale = 5;

/**
 * Run lengths (column by column, zeros first) of the pixels inside a polygon x, y, ...: pixel for pixel what COCO's own
 * evaluation fills.
 */
export function polygonRuns(
  polygon: readonly number[],
  { width, height }: { readonly width: number; readonly height: number },
): number[] {
  const crossings: number[] = [];
  const border = fineBorder(polygon);
  for (let i = 1; i < border.x.length; i++) {
    const [before, here] = [border.x[i - 1], border.x[i]];
    if (here === before) continue;
    // The border crosses the middle of a column of pixels where the fine step does.
    const column = (Math.min(here, before) + 0.5) / scale - 0.5;
    if (!Number.isInteger(column) || column < 0 || column > width - 1) continue;
    const y = (Math.min(border.y[i], border.y[i - 1]) + 0.5) / scale - 0.5;
    crossings.push(column * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
  crossings.push(height * width);
  return runsBetween(crossings.sort((a, b) => a - b));
}

// All points of the outline on the fine grid.
function fineBorder(polygon: readonly number[]): { x: number[]; y: number[] } {
  const corners = polygon.map((p) => Math.trunc(scale * p + 0.5));
  const n = corners.length - (corners.length % 2);
  const border: { x: number[]; y: number[] } = { x: [], y: [] };
  for (let i = 0; i < n; i += 2) {
    const j = (i + 2) % n;
    addLine(border, [corners[i], corners[i + 1], corners[j], corners[j + 1]]);
  }
  return border;
}

// The longer axis takes whole steps, always in rising order, so that a line is the same seen from both ends.
function addLine(
  { x, y }: { x: number[]; y: number[] },
  [x1, y1, x2, y2]: readonly [number, number, number, number],
): void {
  const [wide, high] = [Math.abs(x2 - x1), Math.abs(y2 - y1)];
  const steps = Math.max(wide, high);
  const back = wide >= high ? x1 > x2 : y1 > y2;
  const [fromX, fromY, toX, toY] = back ? [x2, y2, x1, y1] : [x1, y1, x2, y2];
  const slope = steps === 0 ? 0 : wide >= high ? (toY - fromY) / wide : (toX - fromX) / high;
  for (let d = 0; d <= steps; d++) {
    const t = back ? steps - d : d;
    x.push(wide >= high ? fromX + t : Math.trunc(fromX + slope * t + 0.5));
    y.push(wide >= high ? Math.trunc(fromY + slope * t + 0.5) : fromY + t);
  }
}

// Inside and outside change at each place; twice at the same is no change.
function runsBetween(places: readonly number[]): number[] {
  const runs = [places[0]];
  for (let i = 1; i < places.length; i++) {
    const length = places[i] - places[i - 1];
    if (length > 0) runs.push(length);
    else if (++i < places.length) runs[runs.length - 1] += places[i] - places[i - 1];
  }
  return runs;
}
