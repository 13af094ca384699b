import type { Picture } from "./sample.js";

/** Factors on hue, saturation and value. */
export type HsvGains = readonly [hue: number, saturation: number, value: number];

/** Hue (0 to 179: half degrees), saturation and value (0 to 255) of an RGB picture, interleaved, as OpenCV's 8-bit ones. */
export function rgbToHsv({ data }: Picture): Uint8Array {
  const { saturation, hue } = divisions();
  const hsv = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
    const value = Math.max(r, g, b);
    const chroma = value - Math.min(r, g, b);
    hsv[i] = hueOf(r, g, b, value, chroma, hue);
    hsv[i + 1] = (chroma * saturation[value] + 2048) >> 12;
    hsv[i + 2] = value;
  }
  return hsv;
}

/** The RGB picture of hue, saturation and value [height, width, 3], taken through the gains first. */
export function hsvToRgb(hsv: Picture, { gains = [1, 1, 1] }: { gains?: HsvGains } = {}): Picture {
  const tables = gainTables(gains);
  const shares = hueShares();
  const data = new Uint8Array(hsv.data.length);
  for (let i = 0; i < data.length; i += 3) {
    putRgb(tables.hue[hsv.data[i]], tables.saturation[hsv.data[i + 1]], tables.value[hsv.data[i + 2]], shares, data, i);
  }
  return { width: hsv.width, height: hsv.height, data };
}

/** An RGB picture with hue, saturation and value multiplied: `hsvToRgb(rgbToHsv(picture), gains)` in one pass. */
export function scaleHsv(picture: Picture, gains: HsvGains): Picture {
  const { saturation, hue } = divisions();
  const tables = gainTables(gains);
  const shares = hueShares();
  const from = picture.data;
  const data = new Uint8Array(from.length);
  for (let i = 0; i < data.length; i += 3) {
    const r = from[i];
    const g = from[i + 1];
    const b = from[i + 2];
    const value = Math.max(Math.max(r, g), b);
    const chroma = value - Math.min(Math.min(r, g), b);
    const s = tables.saturation[(chroma * saturation[value] + 2048) >> 12];
    putRgb(tables.hue[hueOf(r, g, b, value, chroma, hue)], s, tables.value[value], shares, data, i);
  }
  return { width: picture.width, height: picture.height, data };
}

function hueOf(r: number, g: number, b: number, value: number, chroma: number, division: Int32Array): number {
  const sixth = value === r ? g - b : value === g ? b - r + 2 * chroma : r - g + 4 * chroma;
  const hue = (sixth * division[chroma] + 2048) >> 12;
  return hue < 0 ? hue + 180 : hue;
}

// A channel is the value less its share of the chroma, rounded. (OpenCV's vector code cuts off instead, so that most
// of its numbers are the same or one lower.)
function putRgb(hue: number, saturation: number, value: number, { r, g, b }: Shares, out: Uint8Array, i: number): void {
  const chroma = value * saturation;
  out[i] = value - chroma * r[hue] + 0.5;
  out[i + 1] = value - chroma * g[hue] + 0.5;
  out[i + 2] = value - chroma * b[hue] + 0.5;
}

// 255 / value and 30 / chroma in 12-bit fixed point.
function divisions(): { saturation: Int32Array; hue: Int32Array } {
  const table = (over: number) =>
    Int32Array.from({ length: 256 }, (_, i) => (i === 0 ? 0 : Math.round((over * 4096) / i)));
  return { saturation: table(255), hue: table(30) };
}

// By hue, the shares of the chroma that red, green and blue go without, over 255: 0 in a third of the circle, 1 in the
// opposite third, straight in between.
interface Shares {
  readonly r: Float64Array;
  readonly g: Float64Array;
  readonly b: Float64Array;
}

function hueShares(): Shares {
  const shares = (top: number) =>
    Float64Array.from({ length: 180 }, (_, hue) => {
      const away = Math.abs(((hue - top + 270) % 180) - 90);
      return Math.min(Math.max(away / 30 - 1, 0), 1) / 255;
    });
  return { r: shares(0), g: shares(60), b: shares(120) };
}

function gainTables([hue, saturation, value]: HsvGains): {
  hue: Uint8Array;
  saturation: Uint8Array;
  value: Uint8Array;
} {
  const table = (entry: (i: number) => number) => Uint8Array.from({ length: 256 }, (_, i) => entry(i));
  const clip = (x: number) => Math.min(Math.max(x, 0), 255);
  return {
    hue: table((i) => (((i * hue) % 180) + 180) % 180),
    saturation: table((i) => clip(i * saturation)),
    value: table((i) => clip(i * value)),
  };
}
