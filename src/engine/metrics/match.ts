import { boxIou } from "../../data/boxes.js";

/** The ten overlaps at which detections are judged: 0.5 to 0.95. */
export const iouThresholds: readonly number[] = Array.from({ length: 10 }, (_, i) => 0.5 + i * 0.05);

/**
 * Which detections (rows x1, y1, x2, y2, confidence, class, most confident first) are right at each overlap, given labels
 * (rows class, x1, y1, x2, y2) of the same picture: [detections, thresholds], 1 where right.
 */
export function matchDetections(
  detections: Float32Array,
  labels: Float32Array,
  thresholds: ArrayLike<number> = iouThresholds,
): Uint8Array {
  return matchOverlaps(boxIou(columns(labels, 5, [1, 5]), columns(detections, 6, [0, 4])), {
    labels: columns(labels, 5, [0, 1]),
    detections: columns(detections, 6, [5, 6]),
    thresholds,
  });
}

/** Classes of labels and of detections, most confident first, and the least overlaps of a match. */
export interface MatchOptions {
  readonly labels: ArrayLike<number>;
  readonly detections: ArrayLike<number>;
  readonly thresholds?: ArrayLike<number>;
}

/**
 * The same from overlaps [labels, detections] of any kind, such as those of masks. Each detection asks for the label of its
 * class that it overlaps most; a label that several ask for goes to the first of them, not to the nearest.
 */
export function matchOverlaps(
  overlaps: ArrayLike<number>,
  { labels, detections, thresholds = iouThresholds }: MatchOptions,
): Uint8Array {
  const [n, m, levels] = [detections.length, labels.length, thresholds.length];
  const correct = new Uint8Array(n * levels);
  const takenAt = Array.from({ length: levels }, () => new Uint8Array(m));
  for (let d = 0; d < n; d++) {
    let best = -1;
    for (let l = 0; l < m; l++) {
      // Of equal overlaps the later.
      if (labels[l] === detections[d] && (best < 0 || overlaps[l * n + d] >= overlaps[best * n + d])) best = l;
    }
    if (best < 0) continue;
    for (let t = 0; t < levels; t++) {
      if (overlaps[best * n + d] < Math.fround(thresholds[t]) || takenAt[t][best]) continue;
      takenAt[t][best] = 1;
      correct[d * levels + t] = 1;
    }
  }
  return correct;
}

// Some columns of rows, [rows, to - from].
function columns(rows: Float32Array, width: number, [from, to]: readonly [number, number]): Float32Array {
  const n = to - from;
  return Float32Array.from(
    { length: (rows.length / width) * n },
    (_, i) => rows[Math.floor(i / n) * width + from + (i % n)],
  );
}
