import { UserError } from "../../errors/index.js";
import type { PictureResult } from "../evaluate.js";
import { stem } from "../stem.js";
import { type CocoGroundTruth, coco80, evaluateCoco } from "./coco/index.js";

/** The 12 figures that COCO ranks by, under its names. */
export interface CocoScores {
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly APs: number;
  readonly APm: number;
  readonly APl: number;
  readonly AR1: number;
  readonly AR10: number;
  readonly AR100: number;
  readonly ARs: number;
  readonly ARm: number;
  readonly ARl: number;
}

const names = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"] as const;

/**
 * COCO's evaluation of detections against annotations. Pictures are found by their file name, classes by their place among
 * the categories (or, with COCO's 80 classes, by COCO's own numbers).
 * @throws UserError when the annotations are of other pictures.
 */
export function scoreCoco(annotations: unknown, results: readonly PictureResult[]): CocoScores {
  const truth = annotations as CocoGroundTruth;
  if (!Array.isArray(truth?.images) || !Array.isArray(truth.annotations))
    throw new UserError("annotations: images and annotations expected, as in COCO's JSON");
  const ids = new Map(truth.images.map(({ id, file_name }) => [stem(String(file_name)), id]));
  const categories = categoryIds(truth);
  const detections = results.flatMap(({ source, detections: rows }) => {
    const image_id = ids.get(stem(source.path));
    if (image_id === undefined) return [];
    return Array.from({ length: rows.length / 6 }, (_, i) => {
      const [x1, y1, x2, y2, score, c] = rows.subarray(i * 6, i * 6 + 6);
      return { image_id, category_id: categories[c] ?? c, bbox: [x1, y1, x2 - x1, y2 - y1], score };
    });
  });
  if (detections.length === 0 && results.some(({ detections: rows }) => rows.length > 0)) {
    throw new UserError("annotations: none of the pictures is in them (they are found by file name)");
  }
  const seen = new Set(results.map(({ source }) => ids.get(stem(source.path))));
  const { stats } = evaluateCoco(
    {
      ...truth,
      images: truth.images.filter(({ id }) => seen.has(id)),
      annotations: truth.annotations.filter(({ image_id }) => seen.has(image_id)),
    },
    detections,
  );
  return Object.fromEntries(names.map((name, i) => [name, stats[i]])) as unknown as CocoScores;
}

function categoryIds({ categories = [] }: CocoGroundTruth): readonly number[] {
  const ids = categories.map(({ id }) => id).sort((a, b) => a - b);
  // A file with some of COCO's categories alone still counts them by COCO's numbers.
  return ids.every((id) => coco80.includes(id)) && ids.some((id) => id > ids.length) ? coco80 : ids;
}
