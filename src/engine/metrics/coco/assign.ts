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
    const ranged = inRange(scene, range);
    thresholds.forEach((threshold, t) => {
      assignAt(threshold, ranged, (d, verdict) => {
        verdicts[t * total + first + d] = verdict;
      });
    });
    first += scene.areas.length;
    positives += ranged.positives;
  }
  return { verdicts, positives };
}

interface RangedScene extends Scene {
  /** Truth that need not be found. */
  readonly spare: readonly boolean[];
  /** Truth that is to be found comes first. */
  readonly order: readonly number[];
  readonly positives: number;
  readonly outside: (area: number) => boolean;
}

function inRange(scene: Scene, [from, to]: readonly [number, number]): RangedScene {
  const outside = (area: number) => area < from || area > to;
  const spare = scene.truth.map(({ area, crowd }) => crowd || outside(area));
  const all = spare.map((_, g) => g);
  const needed = all.filter((g) => !spare[g]);
  const order = [...needed, ...all.filter((g) => spare[g])];
  return { ...scene, spare, order, positives: needed.length, outside };
}

function assignAt(threshold: number, scene: RangedScene, tell: (detection: number, verdict: number) => void): void {
  const { truth, areas, overlaps, spare, order, outside } = scene;
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
    if (match >= 0 && (spare[match] || truth[match].id !== 0)) tell(d, spare[match] ? ignored : right);
    else tell(d, outside(areas[d]) ? ignored : wrong);
  }
}
