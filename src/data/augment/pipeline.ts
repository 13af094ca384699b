import { clipBoxes, type Size } from "../boxes.js";
import { labelsToFractions, labelsToPixels } from "../labels.js";
import { letterbox } from "../letterbox.js";
import { flatten } from "../patchwork.js";
import type { Rng } from "../rng.js";
import { augmentations } from "./index.js";
import type { AugmentHyp, Sample } from "./sample.js";

/** What one training sample is made from. */
export interface AugmentOptions {
  /**
   * A picture whose longer side is `imgsz`, with its labels as in label files: boxes as centre and size in fractions,
   * segments in fractions.
   */
  readonly load: (index: number) => Sample | Promise<Sample>;
  /** How many pictures there are to choose a mosaic's other ones from. */
  readonly count: number;
  readonly imgsz: number;
  readonly hyp: AugmentHyp;
  /** The random numbers of this one sample, for instance `rng(seed, epoch, index)`. */
  readonly rng: Rng;
  /** The size of a batch of one shape; it switches mosaics off. Without it samples are squares of `imgsz`. */
  readonly shape?: Size;
}

/**
 * One training sample: a mosaic (perhaps mixed with another) or a letterboxed picture, warped, recoloured and flipped as
 * `hyp` says. The picture is RGB, `imgsz` a side; boxes and segments are fractions of it, boxes as centre and size.
 */
export async function augmentSample(index: number, options: AugmentOptions): Promise<Sample> {
  const { hyp, rng, shape } = options;
  const mosaic = !shape && rng.split("mosaic").next() < (hyp.mosaic ?? 0);
  const made = mosaic ? await mixedMosaic(index, options) : await letterboxed(index, options);
  const { picture, labels } = recoloured(clipped(made), options);
  return { picture, labels: labelsToFractions(labels, picture) };
}

async function mixedMosaic(index: number, options: AugmentOptions): Promise<Sample> {
  const { hyp, count } = options;
  const rng = options.rng.split("mixup");
  const first = await warpedMosaic(index, { ...options, rng: options.rng.split("first") });
  if (!(rng.next() < (hyp.mixup ?? 0))) return first;
  const second = await warpedMosaic(rng.int(count), { ...options, rng: options.rng.split("second") });
  return augmentations.mixup([first, second], { rng });
}

async function warpedMosaic(index: number, { load, count, imgsz, hyp, rng }: AugmentOptions): Promise<Sample> {
  const choose = rng.split("choose");
  const indices = choose.shuffle([index, choose.int(count), choose.int(count), choose.int(count)]);
  const tiles = await Promise.all(indices.map(async (i) => inPixels(await load(i))));
  const canvas = augmentations.mosaic(tiles, { imgsz, rng: rng.split("mosaic") });
  // Only copy-paste needs the canvas's pixels; without it the warp looks into the tiles themselves.
  const pasted = hyp.copy_paste
    ? augmentations.copyPaste({ ...canvas, picture: flatten(canvas.picture) }, { hyp, rng: rng.split("copyPaste") })
    : canvas;
  const border = { x: -imgsz / 2, y: -imgsz / 2 };
  return augmentations.randomPerspective(pasted, { hyp, rng: rng.split("randomPerspective"), border });
}

async function letterboxed(index: number, { load, imgsz, hyp, rng, shape }: AugmentOptions): Promise<Sample> {
  const sample = letterboxSample(await load(index), shape ?? { width: imgsz, height: imgsz });
  return augmentations.randomPerspective(sample, { hyp, rng: rng.split("randomPerspective") });
}

/** A sample with fractions for labels in a frame of one size: labels in pixels, and the ratio and padding. */
export function letterboxSample(
  sample: Sample,
  frame: Size,
  { scaleUp = true }: { scaleUp?: boolean } = {},
): Sample & { ratio: readonly [number, number]; pad: readonly [number, number] } {
  const { picture, ratio, pad } = letterbox(sample.picture, frame, { auto: false, scaleUp });
  const inner = { width: sample.picture.width * ratio[0], height: sample.picture.height * ratio[1] };
  return { picture, labels: labelsToPixels(sample.labels, inner, { padX: pad[0], padY: pad[1] }), ratio, pad };
}

function inPixels({ picture, labels }: Sample): Sample {
  return { picture, labels: labelsToPixels(labels, picture) };
}

// A margin of a thousandth of a pixel keeps rounded boxes from reaching beyond 1.
function clipped({ picture, labels }: Sample): Sample {
  const inside = { width: picture.width - 1e-3, height: picture.height - 1e-3 };
  return { picture, labels: { ...labels, boxes: clipBoxes(labels.boxes, inside) } };
}

function recoloured(sample: Sample, { hyp, rng }: AugmentOptions): Sample {
  const steps = ["hsv", "flipUpDown", "flipLeftRight"] as const;
  return steps.reduce((made, step) => augmentations[step](made, { hyp, rng: rng.split(step) }), sample);
}
