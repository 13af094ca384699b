/** Truth and detections of one class in one picture, the detections by falling score. */
export interface Scene {
  readonly truth: readonly { readonly area: number; readonly crowd: boolean; readonly id: number }[];
  /** Areas of the detections. */
  readonly areas: readonly number[];
  /** [detections, truth] */
  readonly overlaps: Float64Array;
}

/** What became of a detection. */
export const [wrong, right, ignored] = [0, 1, 2];

/** Of every detection at every threshold [thresholds, detections] whether it is wrong, right or ignored. */
export interface Assignment {
  readonly verdicts: Uint8Array;
  /** How much truth is to be found. */
  readonly positives: number;
}

/**
 * Gives each detection, best score first, the truth that it overlaps most and at least by the threshold. Crowds and truth
 * outside the range of areas are taken only where nothing else fits, and ignored, as are unmatched detections outside it.
 */
export function assign(
  { truth, areas, overlaps }: Scene,
  range: readonly [number, number],
  thresholds: readonly number[],
): Assignment {
  const outside = (area: number) => area < range[0] || area > range[1];
  const spare = truth.map(({ area, crowd }) => crowd || outside(area));
  const order = [...truth.keys()].sort((a, b) => Number(spare[a]) - Number(spare[b]));
  const verdicts = new Uint8Array(thresholds.length * areas.length);
  const taken = new Uint8Array(truth.length);
  thresholds.forEach((threshold, t) => {
    taken.fill(0);
    areas.forEach((area, d) => {
      let least = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (const g of order) {
        if (taken[g] && !truth[g].crowd) continue;
        if (match >= 0 && !spare[match] && spare[g]) break;
        const overlap = overlaps[d * truth.length + g];
        if (overlap < least) continue;
        [least, match] = [overlap, g]; // of equals the later
      }
      if (match >= 0) taken[match] = 1;
      verdicts[t * areas.length + d] = verdict(match, { truth, spare, outside: outside(area) });
    });
  });
  return { verdicts, positives: spare.filter((is) => !is).length };
}

interface Match extends Pick<Scene, "truth"> {
  readonly spare: readonly boolean[];
  readonly outside: boolean;
}

function verdict(match: number, { truth, spare, outside }: Match): number {
  if (match >= 0 && spare[match]) return ignored;
  // pycocotools takes an annotation with id 0 for none: it is used up, but whoever found it counts as unmatched.
  if (match >= 0 && truth[match].id !== 0) return right;
  return outside ? ignored : wrong;
}
