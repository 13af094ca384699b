import type { Rng } from "../rng.js";
import type { Labels, Picture } from "../sample.js";

/** A picture with its objects; inside the augmentations boxes are corners in pixels, and segments are in pixels too. */
export interface Sample<P = Picture> {
  readonly picture: P;
  readonly labels: Labels;
}

/** The entries of a hyper-parameter file that augmentations read: probabilities, and gains around no change. */
export type AugmentHyp = Readonly<Partial<Record<AugmentKey, number>>>;

type AugmentKey =
  | "mosaic"
  | "mixup"
  | "copy_paste"
  | "degrees"
  | "translate"
  | "scale"
  | "shear"
  | "perspective"
  | "hsv_h"
  | "hsv_s"
  | "hsv_v"
  | "flipud"
  | "fliplr";

/** What an augmentation is told and may draw from. */
export interface AugmentContext {
  readonly hyp: AugmentHyp;
  readonly rng: Rng;
}
