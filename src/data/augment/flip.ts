import { moveLabels } from "../labels.js";
import type { Picture } from "../sample.js";
import type { AugmentContext, Sample } from "./sample.js";

/** The sample upside down, with probability `flipud`. */
export function flipUpDown(sample: Sample, { hyp: { flipud = 0 }, rng }: AugmentContext): Sample {
  return rng.next() < flipud ? turnUpsideDown(sample) : sample;
}

/** The sample mirrored, with probability `fliplr`. */
export function flipLeftRight(sample: Sample, { hyp: { fliplr = 0 }, rng }: AugmentContext): Sample {
  return rng.next() < fliplr ? mirror(sample) : sample;
}

/** The sample with its rows in reverse order. */
export function turnUpsideDown({ picture, labels }: Sample): Sample {
  const row = picture.width * 3;
  const data = new Uint8Array(picture.data.length);
  for (let y = 0; y < picture.height; y++) {
    data.set(picture.data.subarray(y * row, (y + 1) * row), (picture.height - 1 - y) * row);
  }
  return { picture: { ...picture, data }, labels: moveLabels(labels, (x, y) => [x, picture.height - y]) };
}

/** The sample with its columns in reverse order. */
export function mirror({ picture, labels }: Sample): Sample {
  return { picture: mirrorPicture(picture), labels: moveLabels(labels, (x, y) => [picture.width - x, y]) };
}

/** The picture with its columns in reverse order. */
export function mirrorPicture({ width, height, data }: Picture): Picture {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    const start = (y * width * 3) | 0;
    let from = (start + width * 3 - 3) | 0;
    for (let to = start; from >= start; from -= 3, to += 3) {
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    }
  }
  return { width, height, data: out };
}
