import { UserError } from "../errors/index.js";
import type { Size } from "./boxes.js";
import { resizeInto } from "./resize.js";
import { roundHalfEven } from "./round.js";
import type { Picture } from "./sample.js";

/** How a picture is fitted into a frame. */
export interface LetterboxOptions {
  /** Pad only up to the next multiple of `stride` instead of the whole frame; goes before `scaleFill`. */
  readonly auto?: boolean;
  /** Stretch to the whole frame, without padding. */
  readonly scaleFill?: boolean;
  /** Enlarge pictures that are smaller than the frame. */
  readonly scaleUp?: boolean;
  readonly stride?: number;
}

/** Where a letterboxed picture lies: the outer size, the inner size and place, and what carries boxes there. */
export interface LetterboxFit extends Size {
  readonly inner: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
  /** Scale from the picture to the frame, x and y. */
  readonly ratio: readonly [number, number];
  /** Padding left and top, not rounded. */
  readonly pad: readonly [number, number];
}

/** The picture scaled into a frame and padded with `color` (RGB), with the ratio and padding that carry its boxes along. */
export function letterbox(
  picture: Picture,
  frame: Size,
  { color = [114, 114, 114], ...options }: LetterboxOptions & { color?: readonly [number, number, number] } = {},
): { picture: Picture; ratio: readonly [number, number]; pad: readonly [number, number] } {
  const { width, height, inner, ratio, pad } = letterboxFit(picture, frame, options);
  const canvas = blank({ width, height }, color);
  resizeInto(canvas, picture, inner);
  return { picture: canvas, ratio, pad };
}

/** The numbers of a letterbox without its pixels. */
export function letterboxFit(
  size: Size,
  frame: Size,
  { auto = true, scaleFill = false, scaleUp = true, stride = 32 }: LetterboxOptions = {},
): LetterboxFit {
  const whole = Math.min(frame.height / size.height, frame.width / size.width);
  const scale = scaleUp ? whole : Math.min(whole, 1);
  const fill = scaleFill && !auto;
  const width = fill ? frame.width : Math.max(1, roundHalfEven(size.width * scale));
  const height = fill ? frame.height : Math.max(1, roundHalfEven(size.height * scale));
  const halfX = (auto ? (frame.width - width) % stride : frame.width - width) / 2;
  const halfY = (auto ? (frame.height - height) % stride : frame.height - height) / 2;
  const [left, top] = [roundHalfEven(halfX - 0.1), roundHalfEven(halfY - 0.1)];
  return {
    width: left + width + roundHalfEven(halfX + 0.1),
    height: top + height + roundHalfEven(halfY + 0.1),
    inner: { left, top, width, height },
    ratio: fill ? [frame.width / size.width, frame.height / size.height] : [scale, scale],
    pad: [halfX, halfY],
  };
}

/** A picture of one colour (RGB). */
export function blank(
  { width, height }: Size,
  [r, g, b]: readonly [number, number, number] = [114, 114, 114],
): Picture {
  if (!(width >= 1 && height >= 1))
    throw new UserError(`letterbox: frame is ${width} x ${height}, expected at least 1 x 1`);
  const data = new Uint8Array(width * height * 3);
  if (r === g && g === b) data.fill(r);
  else for (let i = 0; i < data.length; i += 3) data.set([r, g, b], i);
  return { width, height, data };
}
