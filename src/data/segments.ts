import { type Size, xyxyToCxcywh } from "./boxes.js";

// A segment is a polygon: points x, y, x, y, ... in a Float32Array; its last point joins its first.

/** The boxes around segments, as centres and sizes [n, 4] in the segments' own units. */
export function segmentsToBoxes(segments: readonly Float32Array[]): Float32Array {
  const corners = new Float32Array(segments.length * 4);
  segments.forEach((segment, i) => {
    corners.set(bounds(segment), 4 * i);
  });
  return xyxyToCxcywh(corners);
}

/** `count` points spread evenly by point number (not by length) along the closed segment, linear between its points. */
export function resampleSegment(segment: Float32Array, count = 1000): Float32Array {
  const points = segment.length / 2;
  const out = new Float32Array(count * 2);
  if (points === 0) return out;
  const step = count > 1 ? points / (count - 1) : 0;
  for (let k = 0; k < count; k++) {
    const t = Math.min(k * step, points);
    const i = Math.min(Math.floor(t), points - 1);
    const next = (i + 1) % points;
    const f = t - i;
    out[2 * k] = segment[2 * i] + f * (segment[2 * next] - segment[2 * i]);
    out[2 * k + 1] = segment[2 * i + 1] + f * (segment[2 * next + 1] - segment[2 * i + 1]);
  }
  return out;
}

/** The corners x1, y1, x2, y2 around those points of a segment that lie in the picture; four zeros if none does. */
export function segmentToBox(segment: Float32Array, { width, height }: Size): Float32Array {
  return bounds(segment, { width, height });
}

function bounds(segment: Float32Array, within?: Size): Float32Array {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < segment.length; i += 2) {
    const [x, y] = [segment[i], segment[i + 1]];
    if (within && !(x >= 0 && y >= 0 && x <= within.width && y <= within.height)) continue;
    x1 = Math.min(x1, x);
    y1 = Math.min(y1, y);
    x2 = Math.max(x2, x);
    y2 = Math.max(y2, y);
  }
  return x1 <= x2 ? Float32Array.of(x1, y1, x2, y2) : new Float32Array(4);
}
