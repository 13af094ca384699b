import type { Picture } from "../../data/index.js";
import { type Colour, fillRect, type Rect, readableOn, strokeRect } from "./paint.js";
import { classColour, palette as standardPalette } from "./palette.js";
import { drawText, fontMetrics, type TextStyle, textWidth } from "./text.js";

/** An object to draw: corners in pixels of the picture, and the words on it. */
export interface DrawnBox {
  readonly xyxy: ArrayLike<number>;
  readonly class: number;
  readonly label?: string;
  /** Written behind the label. */
  readonly confidence?: number;
}

export interface AnnotateOptions {
  /** Pixels; from the picture's size where left out. */
  readonly lineWidth?: number;
  /** Pixels an em; from the picture's size where left out. */
  readonly textSize?: number;
  readonly hideLabels?: boolean;
  readonly hideConf?: boolean;
  /** Decimals of the confidence; 2. */
  readonly decimals?: number;
  /** The colours of classes. */
  readonly palette?: readonly Colour[];
}

/** A copy of the picture with objects framed and labelled in the colours of their classes; later ones lie over earlier ones. */
export function annotate(picture: Picture, boxes: readonly DrawnBox[], options: AnnotateOptions = {}): Picture {
  const copy = { ...picture, data: picture.data.slice() };
  drawBoxes(copy, boxes, options);
  return copy;
}

/** Frames and labels objects in the picture itself; corners that are not finite numbers are passed over. */
export function drawBoxes(picture: Picture, boxes: readonly DrawnBox[], options: AnnotateOptions = {}): void {
  const { palette = standardPalette } = options;
  const lineWidth = Math.max(1, Math.round(options.lineWidth ?? defaultLineWidth(picture)));
  const style = { size: options.textSize ?? defaultTextSize(picture) };
  const visible = boxes.flatMap((box) => {
    const rect = frameOf(box.xyxy, picture, lineWidth);
    return rect ? [{ rect, colour: classColour(box.class, palette), text: textOf(box, options) }] : [];
  });
  // All words after all frames, so that no line runs through a word.
  for (const { rect, colour } of visible) strokeRect(picture, rect, lineWidth, colour);
  for (const { rect, colour, text } of visible) if (text) drawTag(picture, text, { rect, colour, style });
}

/** The line width for a picture's size, in pixels. */
export const defaultLineWidth = ({ width, height }: Picture): number =>
  Math.max(Math.round(((width + height + 3) / 2) * 0.003), 2);

/** The text size for a picture's size, in pixels an em. */
export const defaultTextSize = ({ width, height }: Picture): number =>
  Math.max(Math.round(((width + height) / 2) * 0.035), 12);

function textOf({ label, confidence }: DrawnBox, { hideLabels, hideConf, decimals = 2 }: AnnotateOptions): string {
  if (hideLabels) return "";
  const sure = hideConf || confidence === undefined ? "" : confidence.toFixed(decimals);
  return [label, sure].filter(Boolean).join(" ");
}

// The line lies on the box's edge, half inside and half outside, but never outside of the picture.
function frameOf(xyxy: ArrayLike<number>, { width, height }: Picture, line: number): Rect | undefined {
  if (![0, 1, 2, 3].every((i) => Number.isFinite(xyxy[i]))) return undefined;
  const out = line >> 1;
  const limit = (value: number, most: number) => Math.min(Math.max(Math.round(value), 0), most);
  const [left, right] = [limit(xyxy[0] - out, width - 1), limit(xyxy[2] + out, width)];
  const [top, bottom] = [limit(xyxy[1] - out, height - 1), limit(xyxy[3] + out, height)];
  return { left, top, right: Math.max(right, left + 1), bottom: Math.max(bottom, top + 1) };
}

// Words on a ground of the class's colour: above the frame where they fit, else inside of it.
function drawTag(
  picture: Picture,
  text: string,
  { rect, colour, style }: { rect: Rect; colour: Colour; style: TextStyle },
): void {
  const { size } = style;
  const padding = Math.round(size * 0.2);
  const width = Math.ceil(textWidth(text, style)) + 2 * padding;
  const height = Math.round(size * 1.2);
  const left = Math.max(0, Math.min(rect.left, picture.width - width));
  const top = rect.top >= height ? rect.top - height : rect.top;
  fillRect(picture, { left, top, right: left + width, bottom: top + height }, colour);
  const baseline = top + Math.round((height + fontMetrics.capHeight * size) / 2);
  drawText(picture, text, { x: left + padding, y: baseline, colour: readableOn(colour), ...style });
}
