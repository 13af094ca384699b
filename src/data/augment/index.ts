import { copyPaste } from "./copy-paste.js";
import { flipLeftRight, flipUpDown } from "./flip.js";
import { hsv } from "./hsv.js";
import { mixup } from "./mixup.js";
import { mosaic, mosaic9 } from "./mosaic.js";
import { randomPerspective } from "./perspective.js";

/** Every augmentation by its name. The first three make one sample of several; the others take one. */
export const augmentations = {
  mosaic,
  mosaic9,
  mixup,
  copyPaste,
  randomPerspective,
  hsv,
  flipUpDown,
  flipLeftRight,
};
