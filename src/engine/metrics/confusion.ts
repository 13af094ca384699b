import { boxIou } from "../../data/boxes.js";

/** Objects of one picture in its own pixels. */
export interface ConfusionPicture {
  /** Rows x1, y1, x2, y2, confidence, class. */
  readonly detections: Float32Array;
  /** Rows class, x1, y1, x2, y2. */
  readonly labels: Float32Array;
}

export interface ConfusionOptions {
  /** Detections count over this confidence; 0.25. */
  readonly conf?: number;
  /** Boxes over this overlap are of one object; 0.45. */
  readonly iou?: number;
}

/**
 * Counts which class was taken for which: [classes + 1, classes + 1], rows predicted, columns true, the last one background.
 * As in YOLOv5 detections without an object count only in pictures where another one matched a label.
 */
export function confusionMatrix(
  nc: number,
  pictures: Iterable<ConfusionPicture>,
  { conf = 0.25, iou = 0.45 }: ConfusionOptions = {},
): Float64Array {
  const matrix = new Float64Array((nc + 1) ** 2);
  const count = (predicted: number, truth: number) => matrix[predicted * (nc + 1) + truth]++;
  for (const { detections, labels } of pictures) {
    const truth = rowsOf(labels, 5);
    const found = rowsOf(detections, 6).filter(([, , , , confidence]) => confidence > Math.fround(conf));
    const detectionOf = pair(truth, found, iou);
    truth.forEach(([c], label) => {
      const detection = detectionOf.get(label);
      count(detection === undefined ? nc : found[detection][5], c);
    });
    if (detectionOf.size === 0) continue;
    const used = new Set(detectionOf.values());
    found.forEach(([, , , , , c], detection) => {
      if (!used.has(detection)) count(c, nc);
    });
  }
  return matrix;
}

// The detection of each label, whatever its class: pairs over the threshold, nearest first; first every detection keeps its
// best label, then every label its best detection.
function pair(truth: readonly Float32Array[], found: readonly Float32Array[], iou: number): Map<number, number> {
  const overlaps = boxIou(
    Float32Array.from(truth.flatMap((row) => [...row.subarray(1, 5)])),
    Float32Array.from(found.flatMap((row) => [...row.subarray(0, 4)])),
  );
  const near = [...overlaps.keys()].filter((i) => overlaps[i] > Math.fround(iou));
  near.sort((a, b) => overlaps[b] - overlaps[a] || b - a);
  const used = new Set<number>();
  const pairs = new Map<number, number>();
  for (const i of near) {
    const detection = i % found.length;
    const label = (i - detection) / found.length;
    if (used.has(detection)) continue;
    used.add(detection);
    if (!pairs.has(label)) pairs.set(label, detection);
  }
  return pairs;
}

const rowsOf = (rows: Float32Array, width: number): Float32Array[] =>
  Array.from({ length: rows.length / width }, (_, i) => rows.subarray(i * width, (i + 1) * width));
