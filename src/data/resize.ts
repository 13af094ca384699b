import type { Picture } from "./sample.js";

/** How a resize finds a pixel: "bilinear" from 4 neighbours, "area" as the mean of what it covers (for shrinking). */
export type Interpolation = "bilinear" | "area";

/** The picture at another size, pixel for pixel as OpenCV's resize (pixel centres at half integers). */
export function resize(
  picture: Picture,
  width: number,
  height: number,
  { interpolation = "bilinear" }: { interpolation?: Interpolation } = {},
): Picture {
  const data = new Uint8Array(width * height * 3);
  resizeInto({ width, height, data }, picture, { left: 0, top: 0, width, height, interpolation });
  return { width, height, data };
}

/** Where a resized picture goes inside another, in pixels. */
export interface Place {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interpolation?: Interpolation;
}

/** Writes `picture`, resized to the place's size, over that place of `canvas`. */
export function resizeInto(canvas: Picture, picture: Picture, place: Place): void {
  const { left, top, width, height, interpolation = "bilinear" } = place;
  const out: Target = { data: canvas.data, start: (top * canvas.width + left) * 3, stride: canvas.width * 3 };
  const [scaleX, scaleY] = [picture.width / width, picture.height / height];
  if (scaleX === 1 && scaleY === 1) copy(picture, out);
  else if (scaleX === 2 && scaleY === 2) halve(picture, out);
  else if (interpolation === "bilinear")
    blend(picture, out, centred(picture.width, width), centred(picture.height, height));
  else if (scaleX >= 1 && scaleY >= 1)
    average(picture, out, covered(picture.width, width), covered(picture.height, height));
  else blend(picture, out, stepped(picture.width, width), stepped(picture.height, height));
}

interface Target {
  readonly data: Uint8Array;
  readonly start: number;
  readonly stride: number;
}

function copy({ width, height, data }: Picture, out: Target): void {
  for (let y = 0; y < height; y++) {
    out.data.set(data.subarray(y * width * 3, (y + 1) * width * 3), out.start + y * out.stride);
  }
}

// `| 0` here and below tells the compiler that widths are whole numbers, which is worth a factor of two.
function halve({ width, height, data }: Picture, out: Target): void {
  const into = out.data;
  for (let y = 0; y < height; y += 2) {
    let to = (out.start + (y >> 1) * out.stride) | 0;
    let p = (y * width * 3) | 0;
    let q = (p + width * 3) | 0;
    for (const end = q; p < end; p += 6, q += 6, to += 3) {
      into[to] = (data[p] + data[p + 3] + data[q] + data[q + 3] + 2) >> 2;
      into[to + 1] = (data[p + 1] + data[p + 4] + data[q + 1] + data[q + 4] + 2) >> 2;
      into[to + 2] = (data[p + 2] + data[p + 5] + data[q + 2] + data[q + 5] + 2) >> 2;
    }
  }
}

// Along one axis: for each output pixel the two source pixels and their weights, which sum to 2048.
interface Taps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

function taps(from: number, to: number, position: (i: number) => readonly [pixel: number, fraction: number]): Taps {
  const [first, second, firstWeight, secondWeight] = Array.from({ length: 4 }, () => new Int32Array(to));
  for (let i = 0; i < to; i++) {
    const [pixel, fraction] = position(i);
    const inside = pixel >= 0 && pixel < from - 1;
    first[i] = Math.min(Math.max(pixel, 0), from - 1);
    second[i] = Math.min(first[i] + 1, from - 1);
    secondWeight[i] = inside ? Math.round(fraction * 2048) : 0;
    firstWeight[i] = 2048 - secondWeight[i];
  }
  return { first, second, firstWeight, secondWeight };
}

function centred(from: number, to: number): Taps {
  return taps(from, to, (i) => {
    const x = Math.fround((i + 0.5) * (from / to) - 0.5);
    return [Math.floor(x), x - Math.floor(x)];
  });
}

// OpenCV's area resize where a side grows: whole source pixels, blended only where an output pixel straddles two.
function stepped(from: number, to: number): Taps {
  return taps(from, to, (i) => {
    const pixel = Math.floor(i * (from / to));
    const f = i + 1 - (pixel + 1) * (to / from);
    return [pixel, f <= 0 ? 0 : f - Math.floor(f)];
  });
}

// Rows first, in 11-bit fixed point, each source row once and only if some output row needs it; then columns.
function blend(picture: Picture, out: Target, x: Taps, y: Taps): void {
  const values = x.first.length * 3;
  let upper = new Int32Array(values);
  let lower = new Int32Array(values);
  let [upperRow, lowerRow] = [-1, -1];
  for (let row = 0; row < y.first.length; row++) {
    if (y.first[row] !== upperRow) {
      if (y.first[row] === lowerRow) [upper, lower, lowerRow] = [lower, upper, upperRow];
      else blendRow(picture, y.first[row], x, upper);
      upperRow = y.first[row];
    }
    if (y.second[row] !== lowerRow && y.secondWeight[row] !== 0) {
      blendRow(picture, y.second[row], x, lower);
      lowerRow = y.second[row];
    }
    blendRows(upper, lower, { a: y.firstWeight[row], b: y.secondWeight[row] }, out.data, out.start + row * out.stride);
  }
}

function blendRows(
  upper: Int32Array,
  lower: Int32Array,
  { a, b }: { a: number; b: number },
  out: Uint8Array,
  to: number,
): void {
  for (let i = 0; i < upper.length; i++) {
    out[to + i] = (((a * (upper[i] >> 4)) >> 16) + ((b * (lower[i] >> 4)) >> 16) + 2) >> 2;
  }
}

function blendRow({ width, data }: Picture, row: number, x: Taps, into: Int32Array): void {
  const { first, second, firstWeight, secondWeight } = x;
  const start = (row * width * 3) | 0;
  for (let i = 0, to = 0; i < first.length; i++, to += 3) {
    const p = start + first[i] * 3;
    const q = start + second[i] * 3;
    const a = firstWeight[i];
    const b = secondWeight[i];
    into[to] = data[p] * a + data[q] * b;
    into[to + 1] = data[p + 1] * a + data[q + 1] * b;
    into[to + 2] = data[p + 2] * a + data[q + 2] * b;
  }
}

// Along one axis: output pixel i is the sum of source pixels from[i] ... from[i + 1] - 1 of the lists below, weighted.
interface Cover {
  readonly from: Int32Array;
  readonly pixels: number[];
  readonly weights: number[];
}

function covered(from: number, to: number): Cover {
  const scale = from / to;
  const cover: Cover = { from: new Int32Array(to + 1), pixels: [], weights: [] };
  for (let i = 0; i < to; i++) {
    const [low, high] = [i * scale, Math.min((i + 1) * scale, from)];
    for (let pixel = Math.floor(low); pixel < high; pixel++) {
      const weight = (Math.min(pixel + 1, high) - Math.max(pixel, low)) / (high - low);
      if (weight < 1e-3 / scale) continue;
      cover.pixels.push(pixel);
      cover.weights.push(weight);
    }
    cover.from[i + 1] = cover.pixels.length;
  }
  return cover;
}

function average({ width, data }: Picture, out: Target, x: Cover, y: Cover): void {
  const values = (x.from.length - 1) * 3;
  const columns = { from: x.from, pixels: Int32Array.from(x.pixels), weights: Float64Array.from(x.weights) };
  const sum = new Float64Array(values);
  for (let row = 0; row + 1 < y.from.length; row++) {
    sum.fill(0);
    for (let k = y.from[row]; k < y.from[row + 1]; k++) {
      addRow(data, { start: y.pixels[k] * width * 3, weight: y.weights[k] }, columns, sum);
    }
    const to = out.start + row * out.stride;
    for (let i = 0; i < values; i++) out.data[to + i] = sum[i] + 0.5;
  }
}

function addRow(
  data: Uint8Array,
  row: { start: number; weight: number },
  { from, pixels, weights }: { from: Int32Array; pixels: Int32Array; weights: Float64Array },
  sum: Float64Array,
): void {
  const start = row.start | 0;
  for (let i = 0, to = 0; i + 1 < from.length; i++, to += 3) {
    let [r, g, b] = [0, 0, 0];
    for (let k = from[i]; k < from[i + 1]; k++) {
      const p = start + pixels[k] * 3;
      const w = weights[k];
      r += data[p] * w;
      g += data[p + 1] * w;
      b += data[p + 2] * w;
    }
    sum[to] += r * row.weight;
    sum[to + 1] += g * row.weight;
    sum[to + 2] += b * row.weight;
  }
}
