import type { Colour } from "./paint.js";

/** The colours of classes, in order and then again from the first. */
export const palette: readonly Colour[] = [
  "FF3838",
  "FF9D97",
  "FF701F",
  "FFB21D",
  "CFD231",
  "48F90A",
  "92CC17",
  "3DDB86",
  "1A9334",
  "00D4BB",
  "2C99A8",
  "00C2FF",
  "344593",
  "6473FF",
  "0018EC",
  "8438FF",
  "520085",
  "CB38FF",
  "FF95C8",
  "FF37C7",
].map((hex) => {
  const value = Number.parseInt(hex, 16);
  return [value >> 16, (value >> 8) & 255, value & 255] as const;
});

/** The colour of a class. */
export const classColour = (c: number, colours: readonly Colour[] = palette): Colour =>
  colours[((c % colours.length) + colours.length) % colours.length];

/** A colour as `#rrggbb`. */
export const toHex = (colour: Colour): string =>
  `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
