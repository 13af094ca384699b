import type { Picture } from "./sample.js";

/** How many neighbours a pixel is weighted from: 2 along an axis, or 4; more where a picture shrinks. */
export type Filter = "bilinear" | "bicubic";

/**
 * The picture at another size, number for number as Pillow's `resize`: every source pixel counts, so that shrinking does not
 * alias. (`resize` is OpenCV's, which picks neighbours.)
 */
export function resample(
  picture: Picture,
  width: number,
  height: number,
  { filter = "bicubic" }: { filter?: Filter } = {},
): Picture {
  const wide =
    width === picture.width ? picture : alongRows(picture, width, taps(picture.width, width, kernels[filter]));
  return height === wide.height ? wide : alongColumns(wide, height, taps(wide.height, height, kernels[filter]));
}

interface Kernel {
  readonly support: number;
  readonly weight: (x: number) => number;
}

const kernels: Readonly<Record<Filter, Kernel>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys's cubic with a = -0.5
  bicubic: {
    support: 2,
    weight: (signed) => {
      const [x, a] = [Math.abs(signed), -0.5];
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  },
};

// Along one axis: output i is the sum of `count[i]` pixels from first[i] on, weighted by 22-bit fractions that sum to 1.
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** [to, most] */
  readonly weights: Int32Array;
  readonly most: number;
}

const one = 2 ** 22;
const half = 2 ** 21;

function taps(from: number, to: number, { support, weight }: Kernel): Taps {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const most = Math.ceil(reach) * 2 + 1;
  const [first, count] = [new Int32Array(to), new Int32Array(to)];
  const weights = new Int32Array(to * most);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    first[i] = Math.max(Math.trunc(centre - reach + 0.5), 0);
    count[i] = Math.min(Math.trunc(centre + reach + 0.5), from) - first[i];
    const shares = Array.from({ length: count[i] }, (_, k) => weight((first[i] + k - centre + 0.5) / stretch));
    const sum = shares.reduce((a, b) => a + b, 0);
    for (const [k, share] of shares.entries()) {
      const exact = (share / sum) * one;
      weights[i * most + k] = Math.trunc(exact + (exact < 0 ? -0.5 : 0.5));
    }
  }
  return { first, count, weights, most };
}

function alongRows(
  { width: from, height, data }: Picture,
  width: number,
  { first, count, weights, most }: Taps,
): Picture {
  const out = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      let [r, g, b] = [half, half, half];
      let p = ((y * from + first[x]) * 3) | 0;
      for (let k = x * most, end = k + count[x]; k < end; k++, p += 3) {
        const w = weights[k];
        r = (r + data[p] * w) | 0;
        g = (g + data[p + 1] * w) | 0;
        b = (b + data[p + 2] * w) | 0;
      }
      out[to] = r >> 22;
      out[to + 1] = g >> 22;
      out[to + 2] = b >> 22;
    }
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

function alongColumns({ width, data }: Picture, height: number, { first, count, weights, most }: Taps): Picture {
  const row = width * 3;
  const out = new Uint8ClampedArray(row * height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(half);
    for (let k = 0; k < count[y]; k++) {
      const w = weights[y * most + k];
      const start = (first[y] + k) * row;
      for (let i = 0; i < row; i++) sums[i] += data[start + i] * w;
    }
    for (let i = 0, to = y * row; i < row; i++, to++) out[to] = sums[i] >> 22;
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}
