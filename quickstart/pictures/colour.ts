/** Red, green, blue, each 0 to 255. */
export type Rgb = readonly [r: number, g: number, b: number];

/** The colours of the objects. Every class comes in every one of them, so a colour says nothing about a class. */
export const palette: Record<string, Rgb> = {
  red: [214, 45, 52],
  orange: [240, 122, 32],
  yellow: [246, 196, 40],
  lime: [150, 196, 52],
  green: [38, 140, 82],
  teal: [22, 150, 158],
  sky: [88, 176, 232],
  blue: [44, 82, 190],
  violet: [126, 74, 184],
  pink: [236, 110, 160],
  cream: [246, 236, 214],
  charcoal: [62, 64, 74],
};

/** Between two colours: 0 is the first, 1 the second. */
export function mix(a: Rgb, b: Rgb, part: number): Rgb {
  return [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part];
}

/** The colour made lighter (tone to 1: white) or darker (tone to -1: nearly black, a little blue as shade is). */
export function toned(colour: Rgb, tone: number): Rgb {
  return tone > 0 ? mix(colour, [255, 255, 250], tone) : mix(colour, [14, 10, 30], -tone);
}

/** The colour as SVG writes it. */
export function css(colour: Rgb): string {
  return `#${colour.map((x) => Math.round(x).toString(16).padStart(2, "0")).join("")}`;
}
