/** What runs in a page and in a worker too: no files, no threads. */
export { UserError } from "../errors/index.js";
export { type Affine, affineBicubic, rotation } from "./affine.js";
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
export {
  augmentForClass,
  type ClassifyAugment,
  denormalised,
  imageNet,
  normalised,
} from "./augment/classify.js";
export { copyPaste } from "./augment/copy-paste.js";
export { drawErased, eraseRegion } from "./augment/erase.js";
export { flipLeftRight, flipUpDown, mirror, mirrorPicture, turnUpsideDown } from "./augment/flip.js";
export { hsv, hsvGains } from "./augment/hsv.js";
export { augmentations } from "./augment/index.js";
export { colourJitter } from "./augment/jitter.js";
export { type LocalMoments, localMoments, localNorm } from "./augment/localNorm.js";
export { drawMask, type MaskOptions } from "./augment/mask.js";
export { cutRegion, drawMix, type Mix, type MixOptions, mixPictures, softTargets } from "./augment/mix.js";
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
export {
  type RandAugmentation,
  type RandAugmentOptions,
  randAugment,
  randAugmentations,
  swinRandAugment,
} from "./augment/rand-augment.js";
export { type CropRange, drawRegion, randomCrop } from "./augment/random-crop.js";
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
export { cropPicture, type Fit, fitSquare, type Region } from "./crop.js";
export {
  autoContrast,
  brightness,
  contrast,
  equalize,
  invert,
  posterize,
  saturation,
  sharpness,
  solarize,
  solarizeAdd,
} from "./enhance.js";
export { type Clusters, evolveAnchors, kmeansAnchors, lloyd } from "./kmeans.js";
export { joinLabels, keepLabels, labelsToFractions, labelsToPixels, moveLabels } from "./labels.js";
export { blank, type LetterboxFit, type LetterboxOptions, letterbox, letterboxFit } from "./letterbox.js";
export { flatten, type Patch, type Patchwork } from "./patchwork.js";
export { fillPolygon } from "./polygon.js";
export { type Filter, resample } from "./resample.js";
export { type Interpolation, type Place, resize, resizeInto } from "./resize.js";
export { type Rng, rng } from "./rng.js";
export { roundHalfEven } from "./round.js";
export type { Batch, Labels, Picture, Source } from "./sample.js";
export { resampleSegment, segmentsToBoxes, segmentToBox } from "./segments.js";
export { type Matrix, warp } from "./warp.js";
