import type { Picture } from "../../data/index.js";

/** The part of a picture inside corners, a little larger: `gain` times the sides plus `pad` pixels. */
export function crop(picture: Picture, xyxy: readonly number[], { gain = 1.02, pad = 10, square = false } = {}): Picture {
  const [x1, y1, x2, y2] = xyxy;
  let [w, h] = [x2 - x1, y2 - y1];
  if (square) w = h = Math.max(w, h);
  const [halfW, halfH] = [(w * gain + pad) / 2, (h * gain + pad) / 2];
  const [cx, cy] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const limit = (value: number, most: number) => Math.max(0, Math.min(most, Math.trunc(value)));
  const [left, right] = [limit(cx - halfW, picture.width - 1), limit(cx + halfW, picture.width)];
  const [top, bottom] = [limit(cy - halfH, picture.height - 1), limit(cy + halfH, picture.height)];
  const width = Math.max(1, right - left);
  const height = Math.max(1, bottom - top);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * 3;
    data.set(picture.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}
