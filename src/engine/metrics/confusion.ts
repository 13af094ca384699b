import { boxIou } from "../../data/index.js";

export interface ConfusionOptions {
  readonly conf?: number;
  readonly iou?: number;
}

/**
 * Counts which class was taken for which: [classes + 1, classes + 1], rows predicted, columns true, the last one background.
 * As YOLOv5: pictures without labels are left out, and boxes without an object count only where something matched.
 */
export function confusionMatrix(
  nc: number,
  pictures: readonly { readonly detections: Float32Array; readonly labels: Float32Array }[],
  { conf = 0.25, iou = 0.45 }: ConfusionOptions = {},
): Float64Array {
  const side = nc + 1;
  const matrix = new Float64Array(side * side);
  const count = (predicted: number, truth: number) => matrix[predicted * side + truth]++;
  for (const { detections, labels } of pictures) {
    const truth = rowsOf(labels, 5);
    if (truth.length === 0) continue;
    const found = rowsOf(detections, 6).filter((row) => row[4] > Math.fround(conf));
    const matches = matchOnce(truth, found, iou);
    const byLabel = new Map(matches.map(({ label, detection }) => [label, detection]));
    truth.forEach((row, label) => {
      const detection = byLabel.get(label);
      count(detection === undefined ? nc : found[detection][5], row[0]);
    });
    if (matches.length === 0) continue;
    const used = new Set(matches.map(({ detection }) => detection));
    found.forEach((row, detection) => {
      if (!used.has(detection)) count(row[5], nc);
    });
  }
  return matrix;
}

const rowsOf = (rows: Float32Array, width: number): Float32Array[] =>
  Array.from({ length: rows.length / width }, (_, i) => rows.subarray(i * width, (i + 1) * width));

// Pairs over the threshold, best first, each detection and then each label once.
function matchOnce(
  truth: readonly Float32Array[],
  found: readonly Float32Array[],
  iou: number,
): { label: number; detection: number }[] {
  const corners = (rows: readonly Float32Array[], from: number) =>
    Float32Array.from(rows.flatMap((row) => Array.from(row.subarray(from, from + 4))));
  const overlaps = boxIou(corners(truth, 1), corners(found, 0));
  const pairs: { label: number; detection: number; overlap: number }[] = [];
  truth.forEach((_, label) => {
    found.forEach((__, detection) => {
      const overlap = overlaps[label * found.length + detection];
      if (overlap > Math.fround(iou)) pairs.push({ label, detection, overlap });
    });
  });
  pairs.sort((a, b) => b.overlap - a.overlap);
  const detections = new Set<number>();
  const labels = new Set<number>();
  const once = pairs.filter(({ detection }) => !detections.has(detection) && detections.add(detection));
  return once.filter(({ label }) => !labels.has(label) && labels.add(label));
}
