import type { Size } from "./boxes.js";

/**
 * Sets to `value` the cells of a one-channel map that lie in a polygon or on its outline (even-odd rule). Vertices
 * x, y, ... are cut to integers first; what lies outside the map is left out.
 */
export function fillPolygon(
  map: Size & { readonly data: Uint8Array },
  segment: Float32Array,
  { value = 1 }: { value?: number } = {},
): void {
  const points = Int32Array.from(segment, Math.trunc);
  for (let i = 0; i < points.length; i += 2) {
    const j = (i + 2) % points.length;
    drawLine(map, [points[i], points[i + 1], points[j], points[j + 1]], value);
  }
  for (let y = 0; y < map.height; y++) {
    const crossings = crossingsAt(points, y);
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const from = Math.max(Math.ceil(crossings[k]), 0);
      const to = Math.min(Math.floor(crossings[k + 1]), map.width - 1);
      if (from <= to) map.data.fill(value, y * map.width + from, y * map.width + to + 1);
    }
  }
}

// Where the row y meets the outline, from left to right; an edge holds its upper end and not its lower one.
function crossingsAt(points: Int32Array, y: number): number[] {
  const crossings: number[] = [];
  for (let i = 0; i < points.length; i += 2) {
    const j = (i + 2) % points.length;
    const [x1, y1, x2, y2] = [points[i], points[i + 1], points[j], points[j + 1]];
    if (y >= Math.min(y1, y2) && y < Math.max(y1, y2)) crossings.push(x1 + ((y - y1) * (x2 - x1)) / (y2 - y1));
  }
  return crossings.sort((a, b) => a - b);
}

function drawLine(
  { width, height, data }: Size & { readonly data: Uint8Array },
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  value: number,
): void {
  const steps = Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1), 1);
  for (let k = 0; k <= steps; k++) {
    const x = Math.round(x1 + ((x2 - x1) * k) / steps);
    const y = Math.round(y1 + ((y2 - y1) * k) / steps);
    if (x >= 0 && y >= 0 && x < width && y < height) data[y * width + x] = value;
  }
}
