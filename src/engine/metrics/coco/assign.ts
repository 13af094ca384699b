/** Truth and detections of one class in one picture, the detections by falling score. */
export interface Scene {
  readonly truth: readonly { readonly area: number; readonly crowd: boolean; readonly id: number }[];
  /** Areas of the detections. */
  readonly areas: readonly number[];
  /** [detections, truth] */
  readonly overlaps: readonly number[];
}

/** What became of a detection. */
export const [wrong, right, ignored] = [0, 1, 2];

/** Of every detection at every threshold [thresholds, detections] whether it is wrong, right or ignored. */
export interface Verdicts {
  readonly verdicts: Uint8Array;
  /** How much truth is to be found. */
  readonly positives: number;
}

/**
 * Gives each detection, best score first, the truth that it overlaps most and at least by the threshold. Crowds and truth
 * outside the range of areas are taken only where nothing else fits, and ignored, as are unmatched detections outside it.
 * The verdicts on all scenes stand one after another.
 */
export function assign(
  scenes: readonly Scene[],
  range: readonly [number, number],
  thresholds: readonly number[],
): Verdicts {
  const total = scenes.reduce((sum, { areas }) => sum + areas.length, 0);
  const verdicts = new Uint8Array(thresholds.length * total);
  let [first, positives] = [0, 0];
  for (const scene of scenes) {
    const places = placesOf(scene, range);
    for (let t = 0; t < thresholds.length; t++) {
      assignAt(thresholds[t], scene, { places, range, verdicts, from: t * total + first });
    }
    first += scene.areas.length;
    positives += places.needed;
  }
  return { verdicts, positives };
}

interface Places {
  /** Truth that need not be found. */
  readonly spare: readonly boolean[];
  /** Truth that is to be found comes first. */
  readonly order: readonly number[];
  readonly needed: number;
}

function placesOf({ truth }: Scene, range: readonly [number, number]): Places {
  const spare = truth.map(({ area, crowd }) => crowd || isOutside(area, range));
  const order: number[] = [];
  for (let g = 0; g < spare.length; g++) if (!spare[g]) order.push(g);
  const needed = order.length;
  for (let g = 0; g < spare.length; g++) if (spare[g]) order.push(g);
  return { spare, order, needed };
}

interface Target {
  readonly places: Places;
  readonly range: readonly [number, number];
  /** Takes the verdict on the first detection at `from`. */
  readonly verdicts: Uint8Array;
  readonly from: number;
}

function assignAt(
  threshold: number,
  { truth, areas, overlaps }: Scene,
  { places, range, verdicts, from }: Target,
): void {
  const { spare, order } = places;
  const taken: boolean[] = [];
  for (let d = 0; d < areas.length; d++) {
    let least = Math.min(threshold, 1 - 1e-10);
    let match = -1;
    for (const g of order) {
      if (taken[g] && !truth[g].crowd) continue;
      if (match >= 0 && !spare[match] && spare[g]) break;
      const overlap = overlaps[d * truth.length + g];
      if (overlap < least) continue;
      least = overlap;
      match = g; // of equals the later
    }
    if (match >= 0) taken[match] = true;
    // pycocotools takes an annotation with id 0 for none: it is used up, but whoever found it counts as unmatched.
    if (match >= 0 && (spare[match] || truth[match].id !== 0)) verdicts[from + d] = spare[match] ? ignored : right;
    else verdicts[from + d] = isOutside(areas[d], range) ? ignored : wrong;
  }
}

const isOutside = (area: number, [from, to]: readonly [number, number]) => area < from || area > to;
