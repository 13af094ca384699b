import { affineBicubic, rotation } from "../affine.js";
import {
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
} from "../enhance.js";
import type { Rng } from "../rng.js";
import type { Picture } from "../sample.js";

/** How strongly RandAugment changes pictures. */
export interface RandAugmentOptions {
  /** Operations a picture. */
  readonly ops: number;
  /** Of each operation to be done at all. */
  readonly probability: number;
  /** From 0 to 10: mean and standard deviation of what is drawn. */
  readonly magnitude: number;
  readonly deviation: number;
}

/** timm's `rand-m9-mstd0.5-inc1`, which Swin Transformers are trained with. */
export const swinRandAugment: RandAugmentOptions = { ops: 2, probability: 0.5, magnitude: 9, deviation: 0.5 };

/** Random operations, drawn with replacement, one after another. */
export function randAugment(
  picture: Picture,
  { ops, probability, magnitude, deviation, rng }: RandAugmentOptions & { rng: Rng },
): Picture {
  const names = Object.keys(randAugmentations) as RandAugmentation[];
  let made = picture;
  for (let i = 0; i < ops; i++) {
    const name = rng.choice(names);
    if (rng.next() >= probability) continue;
    const drawn = Math.min(Math.max(magnitude + deviation * rng.normal(), 0), 10);
    made = randAugmentations[name](made, drawn / 10, rng.next() < 0.5 ? -1 : 1);
  }
  return made;
}

/** The mean colour of ImageNet, where a picture moved away. */
const fill = [124, 116, 104] as const;

type Operation = (picture: Picture, amount: number, sign: 1 | -1) => Picture;

/** RandAugment's operations: `amount` from 0 to 1, `sign` for those that go two ways. */
export const randAugmentations = {
  AutoContrast: (p) => autoContrast(p),
  Equalize: (p) => equalize(p),
  Invert: (p) => invert(p),
  Rotate: (p, a, sign) => affineBicubic(p, rotation(p, sign * 30 * a), { fill }),
  PosterizeIncreasing: (p, a) => posterize(p, 4 - Math.floor(4 * a)),
  SolarizeIncreasing: (p, a) => solarize(p, 256 - Math.min(256, Math.floor(256 * a))),
  SolarizeAdd: (p, a) => solarizeAdd(p, Math.min(128, Math.floor(110 * a))),
  ColorIncreasing: (p, a, sign) => saturation(p, factor(a, sign)),
  ContrastIncreasing: (p, a, sign) => contrast(p, factor(a, sign)),
  BrightnessIncreasing: (p, a, sign) => brightness(p, factor(a, sign)),
  SharpnessIncreasing: (p, a, sign) => sharpness(p, factor(a, sign)),
  ShearX: (p, a, sign) => affineBicubic(p, [1, sign * 0.3 * a, 0, 0, 1, 0], { fill }),
  ShearY: (p, a, sign) => affineBicubic(p, [1, 0, 0, sign * 0.3 * a, 1, 0], { fill }),
  TranslateXRel: (p, a, sign) => affineBicubic(p, [1, 0, sign * 0.45 * a * p.width, 0, 1, 0], { fill }),
  TranslateYRel: (p, a, sign) => affineBicubic(p, [1, 0, 0, 0, 1, sign * 0.45 * a * p.height], { fill }),
} satisfies Record<string, Operation>;

/** The name of one of RandAugment's operations. */
export type RandAugmentation = keyof typeof randAugmentations;

const factor = (amount: number, sign: number): number => Math.max(0.1, 1 + sign * 0.9 * amount);
