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
export { blank, type LetterboxFit, type LetterboxOptions, letterbox, letterboxFit } from "./letterbox.js";
export { type Interpolation, type Place, resize, resizeInto } from "./resize.js";
export { type Rng, rng } from "./rng.js";
export { roundHalfEven } from "./round.js";
export type { Batch, Labels, Picture, Source } from "./sample.js";
export { resampleSegment, segmentsToBoxes, segmentToBox } from "./segments.js";
