import type { Picture } from "../../data/index.js";
import { robotoMedium } from "./font/robotoMedium.js";
import { robotoRegular } from "./font/robotoRegular.js";
import { type Colour, fillCoverage } from "./paint.js";
import { type Outline, outlineCoverage } from "./raster.js";

/** The weights that text comes in; regular lacks some alphabets, whose letters are then medium. */
export type Face = "regular" | "medium";

/** Height of capital letters, and how far letters reach below the baseline; in ems. */
export const fontMetrics = { capHeight: 0.711, descent: 0.21 };

/** How text is set: `size` pixels an em. */
export interface TextStyle {
  readonly size: number;
  readonly face?: Face;
}

/** The width of one line of text in pixels. */
export function textWidth(text: string, { size, face = "medium" }: TextStyle): number {
  return glyphsOf(text, face).reduce((sum, { advance }) => sum + advance, 0) * size;
}

/** The text itself, or its beginning with an ellipsis, so that it is no wider than `width` pixels. */
export function fitText(text: string, width: number, style: TextStyle): string {
  if (textWidth(text, style) <= width) return text;
  const letters = [...text];
  while (letters.length > 0 && textWidth(`${letters.join("")}…`, style) > width) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}

/** Draws one line of text into the picture, its baseline beginning at x, y; fonts of the system are not needed. */
export function drawText(
  picture: Picture,
  text: string,
  { x, y, colour, ...style }: TextStyle & { x: number; y: number; colour: Colour },
): void {
  const [left, top] = [Math.floor(x) - 1, Math.floor(y - style.size * 1.1) - 1];
  const width = Math.ceil(textWidth(text, style)) + 4;
  const height = Math.ceil(style.size * 1.4) + 3;
  const coverage = outlineCoverage(textOutline(text, { x: x - left, y: y - top, ...style }), { width, height });
  fillCoverage(picture, coverage, { left, top, width, height, colour });
}

/** One line of text as the data of an SVG path, its baseline beginning at x, y. */
export function textPath(text: string, place: TextStyle & { x: number; y: number }): string {
  const outline = textOutline(text, place);
  const parts: string[] = [];
  const n = (value: number) => String(Math.round(value * 100) / 100);
  let [lastX, lastY] = [Number.NaN, Number.NaN];
  for (let i = 0; i < outline.length; i += 6) {
    const [x0, y0, cx, cy, x1, y1] = outline.slice(i, i + 6);
    if (x0 !== lastX || y0 !== lastY) parts.push(`M${n(x0)} ${n(y0)}`);
    parts.push(`Q${n(cx)} ${n(cy)} ${n(x1)} ${n(y1)}`);
    [lastX, lastY] = [x1, y1];
  }
  return parts.join("");
}

function textOutline(text: string, { x, y, size, face = "medium" }: TextStyle & { x: number; y: number }): Outline {
  const out: number[] = [];
  let pen = x;
  for (const { advance, outline } of glyphsOf(text, face)) {
    for (let i = 0; i < outline.length; i += 2) out.push(pen + outline[i] * size, y + outline[i + 1] * size);
    pen += advance * size;
  }
  return out;
}

/** A letter, in ems. */
interface Glyph {
  readonly advance: number;
  readonly outline: Outline;
}

const faces = {
  regular: [robotoRegular, robotoMedium],
  medium: [robotoMedium],
} as const;

const parsed: Record<Face, Map<string, Glyph>> = { regular: new Map(), medium: new Map() };

function glyphsOf(text: string, face: Face): Glyph[] {
  return [
    ...text
      .normalize("NFC")
      .replace(/[\s\u00a0]/gu, " ")
      .replace(/[\p{Cc}\p{Cf}\p{Mn}\u00ad]/gu, ""),
  ].map((letter) => {
    let glyph = parsed[face].get(letter);
    if (!glyph) {
      const source = faces[face].find((glyphs) => Object.hasOwn(glyphs, letter));
      glyph = parseGlyph(source ? source[letter] : missing);
      parsed[face].set(letter, glyph);
    }
    return glyph;
  });
}

// An upright box for letters that the font lacks.
const missing = "640m80 0l0-730l480 0l0 730zm66-66l348 0l0-598l-348 0z";

const unitsPerEm = 1024;

// A straight line is a curve whose control point lies halfway.
function parseGlyph(source: string): Glyph {
  const [, advance, path] = /^(\d+)(.*)$/.exec(source)!;
  const outline: number[] = [];
  let [x, y, startX, startY] = [0, 0, 0, 0];
  const curve = (cx: number, cy: number, toX: number, toY: number) => {
    outline.push(x, y, cx, cy, toX, toY);
    [x, y] = [toX, toY];
  };
  const line = (toX: number, toY: number) => curve((x + toX) / 2, (y + toY) / 2, toX, toY);
  for (const [, command, numbers] of path.matchAll(/([mlqz])([^mlqz]*)/g)) {
    const v = (numbers.match(/-?\d+/g) ?? []).map((text) => Number(text) / unitsPerEm);
    if (command === "m") [x, y] = [startX, startY] = [x + v[0], y + v[1]];
    else if (command === "l") line(x + v[0], y + v[1]);
    else if (command === "q") curve(x + v[0], y + v[1], x + v[2], y + v[3]);
    else if (x !== startX || y !== startY) line(startX, startY);
  }
  return { advance: Number(advance) / unitsPerEm, outline };
}
