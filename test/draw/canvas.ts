import type { Picture } from "swinyolo/data";

/** A picture of one grey. */
export function plain(width: number, height: number, level = 100): Picture {
  return { width, height, data: new Uint8Array(width * height * 3).fill(level) };
}

/** The pixel at x, y. */
export const pixel = ({ width, data }: Picture, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

/** The corners of what is not `level` any more: left, top, right, bottom, the last two exclusive; undefined where all is. */
export function touched({ width, height, data }: Picture, level = 100): number[] | undefined {
  let box: number[] | undefined;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      if (data[at] === level && data[at + 1] === level && data[at + 2] === level) continue;
      const [l, t, r, b] = box ?? [x, y, 0, 0];
      box = [Math.min(l, x), Math.min(t, y), Math.max(r, x + 1), Math.max(b, y + 1)];
    }
  }
  return box;
}
