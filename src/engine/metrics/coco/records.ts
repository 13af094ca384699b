import { roundHalfEven } from "../../../data/round.js";
import type { Rle } from "./rle.js";

/** COCO's numbers (1 to 90) of its 80 classes, in their order. */
export const coco80: readonly number[] = [
  [1, 11],
  [13, 25],
  [27, 28],
  [31, 44],
  [46, 65],
  [67, 67],
  [70, 70],
  [72, 82],
  [84, 90],
].flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));

/** One line of a results file. */
export interface CocoRecord {
  readonly image_id: number | string;
  readonly category_id: number;
  /** x, y of the top left corner, width, height. */
  readonly bbox: number[];
  readonly score: number;
  readonly segmentation?: Rle;
}

export interface CocoRecordOptions {
  /** Category of each class; the class itself without it. `coco80` for COCO's own data. */
  readonly categories?: readonly number[];
  /** A mask for each detection. */
  readonly masks?: readonly Rle[];
}

/**
 * Detections of a picture (rows x1, y1, x2, y2, confidence, class in its own pixels) as COCO results: boxes to 3 decimals,
 * scores to 5. The picture's id is the stem of its file's name, as a number where it consists of digits.
 */
export function cocoRecords(
  stem: string,
  detections: Float32Array,
  { categories, masks }: CocoRecordOptions = {},
): CocoRecord[] {
  const image_id = /^\d+$/.test(stem) ? Number(stem) : stem;
  return Array.from({ length: detections.length / 6 }, (_, i) => {
    const [x1, y1, x2, y2, score, c] = detections.subarray(6 * i, 6 * i + 6);
    return {
      image_id,
      category_id: categories?.[c] ?? c,
      bbox: [x1, y1, Math.fround(x2 - x1), Math.fround(y2 - y1)].map((value) => round(value, 3)),
      score: round(score, 5),
      ...(masks && { segmentation: masks[i] }),
    };
  });
}

// As Python rounds; the product of a 32-bit float is exact.
const round = (value: number, digits: number): number => roundHalfEven(value * 10 ** digits) / 10 ** digits;
