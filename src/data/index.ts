export { UserError } from "../errors/index.js";
export {
  type AnchorMetric,
  type AutoAnchor,
  anchorMetric,
  autoAnchor,
  checkAnchorOrder,
  fitAnchors,
  objectSizes,
  type SizedBoxes,
} from "./anchors.js";
export { copyPaste } from "./augment/copy-paste.js";
export { flipLeftRight, flipUpDown, mirror, mirrorPicture, turnUpsideDown } from "./augment/flip.js";
export { hsv, hsvGains } from "./augment/hsv.js";
export { augmentations } from "./augment/index.js";
export { mixup } from "./augment/mixup.js";
export { mosaic, mosaic9, mosaicCentre, type Point } from "./augment/mosaic.js";
export {
  applyPerspective,
  type Border,
  drawPerspective,
  type PerspectiveDraws,
  perspectiveMatrix,
  randomPerspective,
} from "./augment/perspective.js";
export { type AugmentOptions, augmentSample, letterboxSample } from "./augment/pipeline.js";
export type { AugmentContext, AugmentHyp, Sample } from "./augment/sample.js";
export {
  bboxIoa,
  boxCandidates,
  boxIou,
  type CandidateRule,
  clipBoxes,
  cxcywhnToXyxy,
  cxcywhToXyxy,
  type Size,
  scaleBoxes,
  whIou,
  xyxyToCxcywh,
  xyxyToCxcywhn,
} from "./boxes.js";
export { type HsvGains, hsvToRgb, rgbToHsv, scaleHsv } from "./colour.js";
export { checkData, type DataCheck } from "./datasets/check.js";
export { checkPicture, decodePicture, maxPixels, pictureSize } from "./datasets/decode.js";
export { type EncodedFormat, encodePicture, writePicture } from "./datasets/encode.js";
export { readTextFile } from "./datasets/files.js";
export { labelPathOf, type ParsedLabels, type Problem, parseLabels } from "./datasets/labels.js";
export { isPicture, listPictures } from "./datasets/list.js";
export { type Entry, readLabels, type Scan, type ScanCounts, type ScanOptions, scanSplit } from "./datasets/scan.js";
export { type Dataset, readDataset, type Split } from "./datasets/yaml.js";
export { readYaml } from "./datasets/yamlFile.js";
export { parseYaml, type YamlDocument } from "./datasets/yamlText.js";
export { type Clusters, evolveAnchors, kmeansAnchors, lloyd } from "./kmeans.js";
export { joinLabels, keepLabels, labelsToFractions, labelsToPixels, moveLabels } from "./labels.js";
export { blank, type LetterboxFit, type LetterboxOptions, letterbox, letterboxFit } from "./letterbox.js";
export { diskCacheFolder } from "./loader/diskCache.js";
export { createLoader, type Loader, type LoaderOptions } from "./loader/loader.js";
export { flatten, type Patch, type Patchwork } from "./patchwork.js";
export { fillPolygon } from "./polygon.js";
export { type Interpolation, type Place, resize, resizeInto } from "./resize.js";
export { type Rng, rng } from "./rng.js";
export { roundHalfEven } from "./round.js";
export type { Batch, Labels, Picture, Source } from "./sample.js";
export { resampleSegment, segmentsToBoxes, segmentToBox } from "./segments.js";
export { type Matrix, warp } from "./warp.js";
