import type { Picture } from "../../data/index.js";

/** Red, green, blue; 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** Corners in whole pixels; right and bottom are exclusive. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Fills a rectangle, as far as it lies in the picture. */
export function fillRect({ width, height, data }: Picture, rect: Rect, [r, g, b]: Colour): void {
  const left = Math.max(0, rect.left);
  const right = Math.min(width, rect.right);
  for (let y = Math.max(0, rect.top); y < Math.min(height, rect.bottom); y++) {
    let at = (y * width + left) * 3;
    for (let x = left; x < right; x++) {
      data[at++] = r;
      data[at++] = g;
      data[at++] = b;
    }
  }
}

/** Draws the border of a rectangle, `line` pixels wide and inside of it. */
export function strokeRect(picture: Picture, { left, top, right, bottom }: Rect, line: number, colour: Colour): void {
  const [innerTop, innerBottom] = [Math.min(top + line, bottom), Math.max(bottom - line, top)];
  fillRect(picture, { left, top, right, bottom: innerTop }, colour);
  fillRect(picture, { left, top: innerBottom, right, bottom }, colour);
  fillRect(picture, { left, top, right: Math.min(left + line, right), bottom }, colour);
  fillRect(picture, { left: Math.max(right - line, left), top, right, bottom }, colour);
}

/** Mixes a colour into the pixels of a place, each by its share [height, width], as far as they lie in the picture. */
export function fillCoverage(
  picture: Picture,
  coverage: Float32Array,
  { left, top, width, height, colour }: { left: number; top: number; width: number; height: number; colour: Colour },
): void {
  for (let y = Math.max(0, -top); y < Math.min(height, picture.height - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(width, picture.width - left); x++) {
      const share = coverage[y * width + x];
      if (share === 0) continue;
      const at = ((top + y) * picture.width + left + x) * 3;
      for (let c = 0; c < 3; c++) {
        const old = picture.data[at + c];
        picture.data[at + c] = Math.round(old + (colour[c] - old) * share);
      }
    }
  }
}

/** The one of near-black and white that reads better on a colour; white where both do. */
export function readableOn([r, g, b]: Colour): Colour {
  const linear = (value: number) => (value / 255) ** 2.2;
  const luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  return luminance > 0.36 ? [24, 24, 27] : [255, 255, 255];
}
