import type { Picture } from "../../data/index.js";

export interface CropOptions {
  /** Factor on the sides. */
  readonly gain?: number;
  /** Pixels that are added to each side after it. */
  readonly pad?: number;
  /** Both sides as long as the longer one. */
  readonly square?: boolean;
}

/** The part of a picture inside corners x1, y1, x2, y2, a little enlarged; at least one pixel. */
export function crop(
  picture: Picture,
  xyxy: ArrayLike<number>,
  { gain = 1.02, pad = 10, square = false }: CropOptions = {},
): Picture {
  const sides = [xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]];
  const longest = Math.max(...sides);
  const span = (axis: 0 | 1, most: number) => {
    const centre = (xyxy[axis] + xyxy[axis + 2]) / 2;
    const half = ((square ? longest : sides[axis]) * gain + pad) / 2;
    const limit = (value: number, low: number, high: number) => Math.min(Math.max(Math.trunc(value), low), high);
    const from = limit(centre - half, 0, most - 1);
    return [from, limit(centre + half, from + 1, most)];
  };
  const [left, right] = span(0, picture.width);
  const [top, bottom] = span(1, picture.height);
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * 3;
    data.set(picture.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}
