import type { Size } from "../boxes.js";
import { type Interpolation, resize } from "../resize.js";
import type { Picture } from "../sample.js";

/** The size of a picture once its longer side is `imgsz`; the other one is cut to a whole pixel. */
export function fittedSize({ width, height }: Size, imgsz: number): Size {
  const longer = Math.max(width, height);
  if (longer === imgsz) return { width, height };
  const ratio = imgsz / longer;
  const side = (pixels: number) => Math.max(1, Math.trunc(pixels * ratio));
  return { width: side(width), height: side(height) };
}

/** A picture with its longer side at `imgsz`: averaged where it shrinks, unless `smooth`, which asks for bilinear always. */
export function fitPicture(picture: Picture, { imgsz, smooth }: { imgsz: number; smooth: boolean }): Picture {
  const { width, height } = fittedSize(picture, imgsz);
  if (width === picture.width && height === picture.height) return picture;
  const enlarging = Math.max(picture.width, picture.height) < imgsz;
  const interpolation: Interpolation = smooth || enlarging ? "bilinear" : "area";
  return resize(picture, width, height, { interpolation });
}
