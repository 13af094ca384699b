import type { Picture } from "./sample.js";

// Pillow's ImageEnhance and ImageOps, number for number: a picture in, a picture out.

/** Factor 0 is black, 1 the picture itself. */
export const brightness = (picture: Picture, factor: number): Picture =>
  blend(picture, factor, new Uint8Array(picture.data.length));

/** Factor 0 is the mean grey. */
export function contrast(picture: Picture, factor: number): Picture {
  const values = greys(picture);
  const mean = Math.trunc(values.reduce((sum, value) => sum + value, 0) / values.length + 0.5);
  return blend(picture, factor, new Uint8Array(picture.data.length).fill(mean));
}

/** Factor 0 is without colour. */
export function saturation(picture: Picture, factor: number): Picture {
  const values = greys(picture);
  return blend(
    picture,
    factor,
    Uint8Array.from(picture.data, (_, i) => values[Math.floor(i / 3)]),
  );
}

/** Factor 0 is smoothed, over 1 sharper than the picture. */
export const sharpness = (picture: Picture, factor: number): Picture => blend(picture, factor, smoothed(picture));

/** Every value the other way round. */
export const invert = (picture: Picture): Picture => mapValues(picture, (v) => 255 - v);

/** Values from `threshold` on inverted. */
export const solarize = (picture: Picture, threshold: number): Picture =>
  mapValues(picture, (v) => (v < threshold ? v : 255 - v));

/** `amount` added to values below 128. */
export const solarizeAdd = (picture: Picture, amount: number): Picture =>
  mapValues(picture, (v) => (v < 128 ? Math.min(255, v + amount) : v));

/** Only the upper `bits` of each value. */
export const posterize = (picture: Picture, bits: number): Picture =>
  mapValues(picture, (v) => v & ~(2 ** (8 - bits) - 1));

/** Each channel stretched so that its least value is 0 and its greatest 255. */
export function autoContrast(picture: Picture): Picture {
  const tables = histograms(picture).map((counts) => {
    const low = counts.findIndex((n) => n > 0);
    const high = counts.findLastIndex((n) => n > 0);
    if (high <= low) return counts.map((_, v) => v);
    const scale = 255 / (high - low);
    return counts.map((_, v) => Math.min(Math.max(Math.trunc(v * scale - low * scale), 0), 255));
  });
  return mapChannels(picture, tables);
}

/** Each channel with its values spread evenly. */
export function equalize(picture: Picture): Picture {
  const tables = histograms(picture).map((counts) => {
    const present = counts.filter((n) => n > 0);
    const step = Math.floor((present.reduce((a, b) => a + b, 0) - present[present.length - 1]) / 255);
    if (present.length <= 1 || step === 0) return counts.map((_, v) => v);
    let sum = Math.floor(step / 2);
    return counts.map((n) => {
      const value = Math.min(Math.floor(sum / step), 255);
      sum += n;
      return value;
    });
  });
  return mapChannels(picture, tables);
}

// from + factor * (to - from) in float32, cut to a whole number.
function blend({ width, height, data }: Picture, factor: number, from: Uint8Array): Picture {
  const alpha = Math.fround(factor);
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = Math.fround(from[i] + Math.fround(alpha * (data[i] - from[i])));
    out[i] = Math.min(Math.max(value, 0), 255);
  }
  return { width, height, data: out };
}

// ITU-R 601-2 luma in 16-bit fixed point, [height * width]
function greys({ width, height, data }: Picture): Uint8Array {
  const out = new Uint8Array(width * height);
  for (let i = 0, p = 0; i < out.length; i++, p += 3) {
    out[i] = (data[p] * 19595 + data[p + 1] * 38470 + data[p + 2] * 7471 + 0x8000) >> 16;
  }
  return out;
}

// The mean of a pixel and its eight neighbours, the pixel itself five times; the rim stays.
function smoothed({ width, height, data }: Picture): Uint8Array {
  const out = data.slice();
  const row = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * row + 3; i < (y + 1) * row - 3; i++) {
      let sum = 4 * data[i];
      for (const at of [i - row, i, i + row]) sum += data[at - 3] + data[at] + data[at + 3];
      out[i] = sum / 13 + 0.5;
    }
  }
  return out;
}

function histograms({ data }: Picture): number[][] {
  const counts = [0, 1, 2].map(() => new Array<number>(256).fill(0));
  for (let i = 0; i < data.length; i++) counts[i % 3][data[i]]++;
  return counts;
}

function mapValues(picture: Picture, change: (value: number) => number): Picture {
  const table = Array.from({ length: 256 }, (_, v) => change(v));
  return mapChannels(picture, [table, table, table]);
}

const mapChannels = ({ width, height, data }: Picture, tables: readonly (readonly number[])[]): Picture => ({
  width,
  height,
  data: data.map((value, i) => tables[i % 3][value]),
});
