import { UserError } from "../../errors/index.js";
import { joinLabels } from "../labels.js";
import type { Rng } from "../rng.js";
import type { Sample } from "./sample.js";

/** Two samples of one size shown through each other, `ratio` of the first, with the objects of both. */
export function mixup(
  [a, b]: readonly Sample[],
  { rng, ratio = rng.beta(32, 32) }: { rng: Rng; ratio?: number },
): Sample {
  const { width, height } = a.picture;
  if (b.picture.width !== width || b.picture.height !== height) {
    throw new UserError(
      `mixup: second picture is ${b.picture.width} x ${b.picture.height}, expected ${width} x ${height}`,
    );
  }
  // A table of products a factor: the sum of two entries is what multiplying every value would give.
  const ofA = Float64Array.from({ length: 256 }, (_, i) => i * ratio);
  const ofB = Float64Array.from({ length: 256 }, (_, i) => i * (1 - ratio));
  const data = new Uint8Array(a.picture.data.length);
  for (let i = 0; i < data.length; i++) data[i] = ofA[a.picture.data[i]] + ofB[b.picture.data[i]];
  return { picture: { width, height, data }, labels: joinLabels([a.labels, b.labels]) };
}
