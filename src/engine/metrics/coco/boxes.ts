/** x, y of the top left corner, width, height. */
export type CocoBox = readonly [x: number, y: number, width: number, height: number];

/** Intersection over union [found, truth]; over the found box's own area where the truth is a crowd. */
export function boxOverlaps(found: readonly CocoBox[], truth: readonly CocoBox[], crowds: readonly boolean[]) {
  const overlaps = new Float64Array(found.length * truth.length);
  found.forEach(([x, y, w, h], d) => {
    truth.forEach(([gx, gy, gw, gh], g) => {
      const wide = Math.min(x + w, gx + gw) - Math.max(x, gx);
      const high = Math.min(y + h, gy + gh) - Math.max(y, gy);
      if (wide <= 0 || high <= 0) return;
      const both = wide * high;
      overlaps[d * truth.length + g] = both / (crowds[g] ? w * h : w * h + gw * gh - both);
    });
  });
  return overlaps;
}
