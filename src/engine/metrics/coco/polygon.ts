// A border is followed on a grid finer than the pixels by this.
const scale = 5;
// The fine place in the middle of pixel 0.
const middle = 2;

/**
 * Run lengths (column by column, zeros first) of the pixels inside a polygon x, y, ...: pixel for pixel what COCO's own
 * evaluation fills.
 */
export function polygonRuns(
  polygon: readonly number[],
  { width, height }: { readonly width: number; readonly height: number },
): number[] {
  const crossings: number[] = [];
  let [lastX, lastY] = [Number.NaN, 0];
  followBorder(polygon, (x, y) => {
    const column = (Math.min(x, lastX) - middle) / scale;
    // The border goes from one column to the next where the fine step crosses a pixel's middle.
    if (x !== lastX && Number.isInteger(column) && column >= 0 && column < width) {
      const row = Math.ceil((Math.min(y, lastY) - middle) / scale);
      crossings.push(column * height + Math.min(Math.max(row, 0), height));
    }
    lastX = x;
    lastY = y;
  });
  crossings.push(height * width);
  return runsBetween(crossings.sort((a, b) => a - b));
}

// All points of the outline on the fine grid.
function followBorder(polygon: readonly number[], visit: (x: number, y: number) => void): void {
  const corners = polygon.map((p) => Math.trunc(scale * p + 0.5));
  const n = corners.length - (corners.length % 2);
  for (let i = 0; i < n; i += 2) {
    const j = (i + 2) % n;
    followLine([corners[i], corners[i + 1], corners[j], corners[j + 1]], visit);
  }
}

// The longer axis takes whole steps. The shorter is rounded seen from the same end either way, so that neighbours who share a
// line share its pixels.
function followLine(
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  visit: (x: number, y: number) => void,
): void {
  const [wide, high] = [Math.abs(x2 - x1), Math.abs(y2 - y1)];
  const flat = wide >= high;
  const steps = Math.max(wide, high);
  const back = flat ? x1 > x2 : y1 > y2;
  const [fromX, fromY, toX, toY] = back ? [x2, y2, x1, y1] : [x1, y1, x2, y2];
  const slope = steps === 0 ? 0 : flat ? (toY - fromY) / wide : (toX - fromX) / high;
  for (let d = 0; d <= steps; d++) {
    const t = back ? steps - d : d;
    if (flat) visit(fromX + t, Math.trunc(fromY + slope * t + 0.5));
    else visit(Math.trunc(fromX + slope * t + 0.5), fromY + t);
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
