import { type Batch, blank, type Picture, resizeInto } from "../../data/index.js";
import { type DrawnBox, drawBoxes } from "./annotate.js";
import { type Colour, fillRect, strokeRect } from "./paint.js";
import { drawText, fitText, fontMetrics, textWidth } from "./text.js";

/** A picture of a mosaic: its name, and its objects in pixels of it. */
export interface GridCell {
  readonly picture: Picture;
  readonly name?: string;
  readonly boxes?: readonly DrawnBox[];
}

export interface GridOptions {
  /** At most so many pictures, the first ones; 16. */
  readonly most?: number;
  /** The longest side of the whole, in pixels; 1920. */
  readonly maxSize?: number;
  readonly palette?: readonly Colour[];
}

/**
 * One picture of several in a square grid, filled column by column, with their names and objects: cells of the largest width and
 * height among them, all scaled down alike where the whole would be too large.
 */
export function grid(cells: readonly GridCell[], { most = 16, maxSize = 1920, palette }: GridOptions = {}): Picture {
  const shown = cells.slice(0, most);
  const side = Math.max(1, Math.ceil(Math.sqrt(shown.length)));
  const [widest, highest] = [
    Math.max(1, ...shown.map(({ picture }) => picture.width)),
    Math.max(1, ...shown.map(({ picture }) => picture.height)),
  ];
  const scale = Math.min(1, maxSize / side / Math.max(widest, highest));
  const width = Math.max(1, Math.floor(widest * scale));
  const height = Math.max(1, Math.floor(highest * scale));
  const canvas = blank({ width: width * side, height: height * side }, [255, 255, 255]);
  shown.forEach((cell, i) => {
    const drawn = drawCell(cell, { width, height }, { scale, palette });
    resizeInto(canvas, drawn, { left: Math.floor(i / side) * width, top: (i % side) * height, width, height });
  });
  return canvas;
}

/** The names of classes, and below which confidence a detection is not drawn (0.25). */
export interface BatchGridOptions extends GridOptions {
  readonly names?: readonly string[];
  readonly conf?: number;
}

/**
 * The mosaic of a batch with its labels, or, where they are given, with detections instead: for each picture rows x1, y1, x2, y2,
 * confidence, class in pixels of the batch.
 */
export function batchGrid(
  batch: Batch,
  detections?: readonly Float32Array[],
  { names = [], conf = 0.25, ...options }: BatchGridOptions = {},
): Picture {
  const count = Math.min(batch.shape[0], options.most ?? 16);
  const cells = Array.from({ length: count }, (_, i): GridCell => {
    const boxes = detections ? detectedBoxes(detections[i], conf) : labelledBoxes(batch, i);
    const label = (c: number) => names[c] ?? String(c);
    return {
      picture: pictureOf(batch, i),
      name: batch.sources[i]?.path.split(/[\\/]/).at(-1),
      boxes: boxes.map((box) => ({ ...box, label: label(box.class) })),
    };
  });
  return grid(cells, options);
}

function drawCell(
  { picture, name, boxes = [] }: GridCell,
  { width, height }: { width: number; height: number },
  { scale, palette }: { scale: number; palette?: readonly Colour[] },
): Picture {
  const cell = blank({ width, height }, [255, 255, 255]);
  const inner = {
    left: 0,
    top: 0,
    width: Math.min(width, Math.max(1, Math.round(picture.width * scale))),
    height: Math.min(height, Math.max(1, Math.round(picture.height * scale))),
  };
  resizeInto(cell, picture, { ...inner, interpolation: scale < 1 ? "area" : "bilinear" });
  const textSize = Math.min(24, Math.max(11, Math.round((width + height) * 0.018)));
  const scaled = boxes.map((box) => ({ ...box, xyxy: Array.from(box.xyxy, (value) => value * scale) }));
  const lineWidth = Math.max(1, Math.round(textSize / 8));
  drawBoxes(cell, scaled, { lineWidth, textSize, decimals: 1, palette });
  strokeRect(cell, { left: 0, top: 0, right: width, bottom: height }, 1, [255, 255, 255]);
  if (name) drawName(cell, name, textSize);
  return cell;
}

// In the lower left corner, where labels (above their boxes) are rare.
function drawName(cell: Picture, name: string, size: number): void {
  const padding = Math.round(size * 0.3);
  const text = fitText([...name].slice(0, 40).join(""), cell.width - 2 * padding, { size });
  const height = Math.round(size * 1.3);
  const top = cell.height - height;
  const right = Math.ceil(textWidth(text, { size })) + 2 * padding;
  fillRect(cell, { left: 0, top, right, bottom: cell.height }, [24, 24, 27]);
  const y = top + Math.round((height + fontMetrics.capHeight * size) / 2);
  drawText(cell, text, { x: padding, y, size, colour: [235, 235, 240] });
}

function pictureOf({ images, shape }: Batch, i: number): Picture {
  const [, , height, width] = shape;
  const area = width * height;
  const planes = images.subarray(i * 3 * area, (i + 1) * 3 * area);
  const data = new Uint8Array(3 * area);
  for (let p = 0, at = 0; p < area; p++) {
    data[at++] = planes[p];
    data[at++] = planes[area + p];
    data[at++] = planes[2 * area + p];
  }
  return { width, height, data };
}

function labelledBoxes({ targets, shape }: Batch, picture: number): DrawnBox[] {
  const [, , height, width] = shape;
  const boxes: DrawnBox[] = [];
  for (let t = 0; t < targets.length; t += 6) {
    const [at, c, x, y, w, h] = targets.subarray(t, t + 6);
    if (at !== picture) continue;
    const xyxy = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height];
    boxes.push({ xyxy, class: c });
  }
  return boxes;
}

// Most confident last, so that they lie on top.
function detectedBoxes(rows: Float32Array = new Float32Array(), conf: number): DrawnBox[] {
  return Array.from({ length: rows.length / 6 }, (_, i) => rows.subarray(i * 6, i * 6 + 6))
    .filter((row) => row[4] > conf)
    .map((row) => ({ xyxy: row.subarray(0, 4), class: row[5], confidence: row[4] }))
    .reverse();
}
