import type { Picture } from "./sample.js";

/** Where an output's point comes from: x' = a x + b y + c, y' = d x + e y + f, in pixels; centres are at halves. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * The picture seen through an affine map, of the same size: bicubic between pixels and `fill` outside, number for number as
 * Pillow's `transform`. (`warp` is OpenCV's, bilinear.)
 */
export function affineBicubic(
  picture: Picture,
  [a, b, c, d, e, f]: Affine,
  { fill }: { fill: readonly [number, number, number] },
): Picture {
  const { width, height } = picture;
  const out = new Uint8ClampedArray(picture.data.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const fromX = a * (x + 0.5) + b * (y + 0.5) + c;
      const fromY = d * (x + 0.5) + e * (y + 0.5) + f;
      if (fromX < 0 || fromY < 0 || fromX >= width || fromY >= height) out.set(fill, to);
      else pick(picture, fromX - 0.5, fromY - 0.5, out, to);
    }
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

/** The map that turns a picture by so many degrees, counter-clockwise, about its centre. */
export function rotation({ width, height }: Picture, degrees: number): Affine {
  const angle = (-degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y];
}

function pick({ width, height, data }: Picture, x: number, y: number, out: Uint8ClampedArray, to: number): void {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - left, y - top];
  const columns = [-1, 0, 1, 2].map((k) => Math.min(Math.max(left + k, 0), width - 1) * 3);
  const rows = [-1, 0, 1, 2].map((k) => Math.min(Math.max(top + k, 0), height - 1) * width * 3);
  for (let channel = 0; channel < 3; channel++) {
    const [p, q, r, s] = rows.map((row) => {
      const at = row + channel;
      return cubic(data[at + columns[0]], data[at + columns[1]], data[at + columns[2]], data[at + columns[3]], dx);
    });
    out[to + channel] = Math.trunc(cubic(p, q, r, s, dy));
  }
}

// Keys's cubic with a = -1 through four points, `d` of the way from the second to the third.
const cubic = (p: number, q: number, r: number, s: number, d: number): number =>
  q + d * (r - p + d * (2 * (p - q) + r - s + d * (q - p + s - r)));
