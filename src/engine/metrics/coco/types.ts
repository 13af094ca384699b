import type { Rle } from "./rle.js";

export type CocoId = number | string;

/** A shape as COCO writes it: polygons (each x, y, ...) or run lengths. */
export type CocoSegmentation = readonly (readonly number[])[] | Rle;

export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: CocoId;
  readonly category_id: number;
  /** x, y of the top left corner, width, height. */
  readonly bbox?: readonly number[];
  /** In pixels; width times height of the box where it is missing. */
  readonly area?: number;
  /** A crowd may be found any number of times and need not be found. */
  readonly iscrowd?: number;
  readonly segmentation?: CocoSegmentation;
}

/** COCO annotations, as in their JSON. */
export interface CocoGroundTruth {
  readonly images: readonly {
    readonly id: CocoId;
    readonly file_name?: string;
    readonly width?: number;
    readonly height?: number;
  }[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories?: readonly { readonly id: number; readonly name?: string }[];
}

/** A detection as in a COCO results file; with box and mask its area is that of the box. */
export interface CocoDetection {
  readonly image_id: CocoId;
  readonly category_id: number;
  readonly score: number;
  readonly bbox?: readonly number[];
  readonly segmentation?: CocoSegmentation;
}

/** The numbers that decide an evaluation, named as in pycocotools; COCO's own where left out. */
export interface CocoOptions {
  readonly iouType?: "bbox" | "segm";
  readonly iouThrs?: readonly number[];
  readonly recThrs?: readonly number[];
  /** Three numbers. */
  readonly maxDets?: readonly number[];
  /** Both ends belong to a range; in square pixels. */
  readonly areaRng?: readonly (readonly [number, number])[];
  readonly areaRngLbl?: readonly string[];
  /** Classes count; otherwise all objects are of one. */
  readonly useCats?: boolean;
  /** Only these pictures. */
  readonly imageIds?: readonly CocoId[];
}

/** Options with everything filled in. */
export type CocoParams = Required<Omit<CocoOptions, "imageIds">>;

/** What COCO evaluates with. */
export const cocoDefaults: CocoParams = {
  iouType: "bbox",
  // To the last bit as NumPy's linspace: recalls of whole hundredths are compared with these.
  iouThrs: Array.from({ length: 10 }, (_, i) => 0.5 + i * ((0.95 - 0.5) / 9)),
  recThrs: Array.from({ length: 101 }, (_, i) => i * 0.01),
  maxDets: [1, 10, 100],
  areaRng: [
    [0, 1e10],
    [0, 32 ** 2],
    [32 ** 2, 96 ** 2],
    [96 ** 2, 1e10],
  ],
  areaRngLbl: ["all", "small", "medium", "large"],
  useCats: true,
};
