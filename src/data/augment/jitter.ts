import { brightness, contrast, saturation } from "../enhance.js";
import type { Rng } from "../rng.js";
import type { Picture } from "../sample.js";

/** Brightness, contrast and saturation changed by factors from 1 - `gain` to 1 + `gain`, in random order. */
export function colourJitter(picture: Picture, { gain, rng }: { gain: number; rng: Rng }): Picture {
  const steps = rng.shuffle([brightness, contrast, saturation]);
  return steps.reduce((made, step) => step(made, rng.uniform(Math.max(0, 1 - gain), 1 + gain)), picture);
}
