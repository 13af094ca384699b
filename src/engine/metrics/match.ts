import { boxIou } from "../../data/index.js";

/** The ten overlaps at which detections are judged: 0.5 to 0.95. */
export const iouThresholds: readonly number[] = Array.from({ length: 10 }, (_, i) => 0.5 + i * 0.05);

/**
 * Which detections (rows x1, y1, x2, y2, confidence, class, most confident first) are right at each overlap, given labels
 * (rows class, x1, y1, x2, y2) of the same picture: [detections, thresholds]. A label that several detections claim goes to
 * the first of them.
 */
export function matchDetections(
  detections: Float32Array,
  labels: Float32Array,
  thresholds = iouThresholds,
): Uint8Array {
  const [n, m] = [detections.length / 6, labels.length / 5];
  const correct = new Uint8Array(n * thresholds.length);
  if (n === 0 || m === 0) return correct;
  const corners = (rows: Float32Array, width: number, from: number) =>
    Float32Array.from(
      { length: (rows.length / width) * 4 },
      (_, i) => rows[Math.floor(i / 4) * width + from + (i % 4)],
    );
  const overlaps = boxIou(corners(labels, 5, 1), corners(detections, 6, 0)); // [labels, detections]
  const pairs: { label: number; detection: number; iou: number }[] = [];
  for (let label = 0; label < m; label++) {
    for (let detection = 0; detection < n; detection++) {
      const iou = overlaps[label * n + detection];
      if (labels[label * 5] === detections[detection * 6 + 5] && iou >= Math.fround(thresholds[0]))
        pairs.push({ label, detection, iou });
    }
  }
  // The best label of each detection, then the first detection of each label.
  pairs.sort((a, b) => b.iou - a.iou);
  thresholds.forEach((threshold, t) => {
    const best = new Map<number, number>();
    for (const { label, detection, iou } of pairs) {
      if (iou >= Math.fround(threshold) && !best.has(detection)) best.set(detection, label);
    }
    const taken = new Set<number>();
    for (const detection of [...best.keys()].sort((a, b) => a - b)) {
      const label = best.get(detection)!;
      if (taken.has(label)) continue;
      taken.add(label);
      correct[detection * thresholds.length + t] = 1;
    }
  });
  return correct;
}
