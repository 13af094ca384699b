import { type ClassBatch, denormalised, type Picture, resize } from "../../data/index.js";
import { defaultTextSize } from "./annotate.js";
import { grid } from "./grid.js";
import { fillRect } from "./paint.js";
import { drawText, fitText, fontMetrics, textWidth } from "./text.js";

/** Small pictures are drawn at least this large. */
const least = 160;

/** The mosaic of a batch of classified pictures with a title for each. */
export function classGrid(batch: ClassBatch, titles: readonly string[], { most = 25 } = {}): Picture {
  const [count, , height, width] = batch.shape;
  const times = Math.max(1, Math.ceil(least / width));
  const cells = Array.from({ length: Math.min(count, most) }, (_, i) => {
    const planes = batch.images.subarray(i * 3 * width * height, (i + 1) * 3 * width * height);
    const picture = resize(denormalised(planes, { width, height }), times * width, times * height);
    return { picture, name: titles[i] };
  });
  return grid(cells, { most });
}

/** A copy of the picture with lines of text in its upper left corner. */
export function writeLines(picture: Picture, lines: readonly string[]): Picture {
  const copy = { ...picture, data: picture.data.slice() };
  const size = Math.min(defaultTextSize(picture), Math.max(6, Math.floor(picture.height / (1.3 * lines.length + 1))));
  const padding = Math.round(size * 0.4);
  const row = Math.round(size * 1.3);
  const texts = lines.map((line) => fitText(line, picture.width - 2 * padding, { size }));
  const right = Math.min(
    picture.width,
    Math.max(...texts.map((text) => Math.ceil(textWidth(text, { size })))) + 2 * padding,
  );
  fillRect(
    copy,
    { left: 0, top: 0, right, bottom: Math.min(picture.height, row * texts.length + padding) },
    [24, 24, 27],
  );
  texts.forEach((text, i) => {
    const y = i * row + Math.round((row + padding + fontMetrics.capHeight * size) / 2);
    drawText(copy, text, { x: padding, y, size, colour: [235, 235, 240] });
  });
  return copy;
}
