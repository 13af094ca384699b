export { type CocoResult, evaluateCoco } from "./evaluate.js";
export { type CocoRecord, type CocoRecordOptions, coco80, cocoRecords } from "./records.js";
export { maskToRle, type Rle, rleToMask } from "./rle.js";
export type { CocoAnnotation, CocoDetection, CocoGroundTruth, CocoOptions, CocoSegmentation } from "./types.js";
