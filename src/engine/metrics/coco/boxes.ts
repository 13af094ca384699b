/** x, y of the top left corner, width, height. */
export type CocoBox = readonly [x: number, y: number, width: number, height: number];

/** Intersection over union [found, truth]; over the found box's own area where the truth is a crowd. */
export function boxOverlaps(
  found: readonly CocoBox[],
  truth: readonly CocoBox[],
  crowds: readonly boolean[],
): number[] {
  return found.flatMap(([x, y, w, h]) =>
    truth.map(([gx, gy, gw, gh], g) => {
      const wide = Math.min(x + w, gx + gw) - Math.max(x, gx);
      const high = Math.min(y + h, gy + gh) - Math.max(y, gy);
      if (wide <= 0 || high <= 0) return 0;
      const both = wide * high;
      return both / (crowds[g] ? w * h : w * h + gw * gh - both);
    }),
  );
}
