import type { Size } from "./boxes.js";
import { resample } from "./resample.js";
import { type Interpolation, resize } from "./resize.js";
import { roundHalfEven } from "./round.js";
import type { Picture } from "./sample.js";

/** A part of a picture, in whole pixels. */
export interface Region extends Size {
  readonly left: number;
  readonly top: number;
}

/** The pixels of a region that lies inside the picture. */
export function cropPicture(picture: Picture, { left, top, width, height }: Region): Picture {
  if (width === picture.width && height === picture.height) return picture;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * picture.width + left) * 3;
    data.set(picture.data.subarray(start, start + width * 3), y * width * 3);
  }
  return { width, height, data };
}

/**
 * How a classifier sees a picture: `short` brings the shorter side to 8/7 of the input's (256/224) and cuts the centre out,
 * `squash` stretches the whole picture, `square` takes the largest centred square. The first two are bicubic as Pillow's, the
 * last bilinear as OpenCV's.
 */
export type Fit = "short" | "squash" | "square";

/** The picture as a classifier with inputs of `side` pixels sees it, [side, side]. */
export function fitSquare(picture: Picture, side: number, fit: Fit): Picture {
  if (fit === "squash") return resample(picture, side, side);
  const { width, height } = picture;
  if (fit === "square") {
    const shorter = Math.min(width, height);
    const left = Math.floor((width - shorter) / 2);
    const top = Math.floor((height - shorter) / 2);
    return resize(cropPicture(picture, { left, top, width: shorter, height: shorter }), side, side);
  }
  const short = Math.floor((side * 256) / 224);
  const scaled = (pixels: number) => Math.trunc((short * pixels) / Math.min(width, height));
  const fitted = resample(picture, scaled(width), scaled(height));
  const margin = (pixels: number) => roundHalfEven((pixels - side) / 2);
  return cropPicture(fitted, { left: margin(fitted.width), top: margin(fitted.height), width: side, height: side });
}

/** The picture at another size: as Pillow does it with "bicubic", as OpenCV with "bilinear". */
export const resizeAs = (picture: Picture, side: number, filter: "bicubic" | Interpolation): Picture =>
  filter === "bicubic" ? resample(picture, side, side) : resize(picture, side, side, { interpolation: filter });
