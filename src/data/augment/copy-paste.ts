import { bboxIoa } from "../boxes.js";
import { joinLabels, keepLabels, moveLabels } from "../labels.js";
import { fillPolygon } from "../polygon.js";
import { roundHalfEven } from "../round.js";
import type { Labels } from "../sample.js";
import { mirrorPicture } from "./flip.js";
import type { AugmentContext, Sample } from "./sample.js";

/**
 * The sample with some of its objects pasted in once more at their mirror image's place: a share `copy_paste` of those
 * that have a polygon, each only where it covers less than 30 % of every object there is.
 */
export function copyPaste(sample: Sample, { hyp: { copy_paste: share = 0 }, rng }: AugmentContext): Sample {
  const { picture } = sample;
  const outlined = [...sample.labels.classes.keys()].filter((i) => sample.labels.segments?.[i]?.length);
  const count = roundHalfEven(share * outlined.length);
  if (count <= 0) return sample;

  let labels = sample.labels;
  const mask = new Uint8Array(picture.width * picture.height);
  for (const i of rng.shuffle(outlined).slice(0, count)) {
    const twin = mirrored(sample.labels, i, picture.width);
    if (!bboxIoa(twin.boxes, labels.boxes).every((covered) => covered < 0.3)) continue;
    labels = joinLabels([labels, twin]);
    fillPolygon({ ...picture, data: mask }, sample.labels.segments?.[i] ?? new Float32Array());
  }
  return { picture: { ...picture, data: pasted(sample, mask) }, labels };
}

function mirrored(labels: Labels, i: number, width: number): Labels {
  const one = keepLabels(
    labels,
    labels.classes.map((_, k) => (k === i ? 1 : 0)),
  );
  return moveLabels(one, (x, y) => [width - x, y]);
}

// The mask lies over the originals; its mirror image says where the mirrored picture shows.
function pasted({ picture }: Sample, mask: Uint8Array): Uint8Array {
  const { width, height } = picture;
  const from = mirrorPicture(picture).data;
  const data = picture.data.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + width - 1 - x]) continue;
      const at = (y * width + x) * 3;
      data.set(from.subarray(at, at + 3), at);
    }
  }
  return data;
}
