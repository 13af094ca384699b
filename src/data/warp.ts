import type { Size } from "./boxes.js";
import type { Patch, Patchwork } from "./patchwork.js";
import type { Picture } from "./sample.js";

/** A 3 x 3 matrix, row by row; it maps a point (x, y, 1) of the source to the output. */
export type Matrix = readonly number[];

/**
 * The picture moved by `matrix` onto a canvas of the given size: bilinear between 32nds of a pixel, 114 outside, as
 * OpenCV's warpAffine where the last row is 0, 0, 1 and as its warpPerspective elsewhere. A patchwork without overlaps
 * comes out as its flat picture would, without the detour over its pixels.
 */
export function warp(source: Picture | Patchwork, matrix: Matrix, { width, height }: Size): Picture {
  const data = new Uint8Array(width * height * 3).fill(border);
  const affine = matrix[6] === 0 && matrix[7] === 0 && matrix[8] === 1;
  const positions = affine ? affinePositions(matrix, width) : perspectivePositions(matrix, width);
  const pieces =
    "patches" in source ? source.patches.map((patch) => piece(patch, source)) : [piece(whole(source), source)];
  for (let y = 0; y < height; y++) pickRow(pieces, positions(y), data, y * width * 3);
  return { width, height, data };
}

const border = 114;

// Where the pixels of one output row come from, in 32nds of a source pixel. The next row overwrites them.
interface Positions {
  readonly x: Int32Array;
  readonly y: Int32Array;
}

// In 1024ths of a pixel, a column's part and a row's part added up, then cut down to 32nds.
function affinePositions(matrix: Matrix, width: number): (y: number) => Positions {
  const [a, b, c, d, e, f] = invertAffine(matrix);
  const alongX = Int32Array.from({ length: width }, (_, x) => fixed(a * x * 1024));
  const alongY = Int32Array.from({ length: width }, (_, x) => fixed(d * x * 1024));
  const positions = { x: new Int32Array(width), y: new Int32Array(width) };
  return (y) => {
    const rowX = fixed((b * y + c) * 1024) + 16;
    const rowY = fixed((e * y + f) * 1024) + 16;
    for (let x = 0; x < width; x++) {
      positions.x[x] = (rowX + alongX[x]) >> 5;
      positions.y[x] = (rowY + alongY[x]) >> 5;
    }
    return positions;
  };
}

function perspectivePositions(matrix: Matrix, width: number): (y: number) => Positions {
  const [a, b, c, d, e, f, g, h, i] = invert(matrix);
  const positions = { x: new Int32Array(width), y: new Int32Array(width) };
  return (y) => {
    for (let x = 0; x < width; x++) {
      const depth = g * x + h * y + i;
      const scale = depth === 0 ? 0 : 32 / depth;
      positions.x[x] = fixed((a * x + b * y + c) * scale);
      positions.y[x] = fixed((d * x + e * y + f) * scale);
    }
    return positions;
  };
}

// The part of a patch that shows on the canvas: columns from `left` up to `right`, rows from `top` up to `bottom`; the
// byte of the canvas's (x, y) is data[origin + y * stride + x * 3].
interface Piece {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly data: Uint8Array;
  readonly origin: number;
  readonly stride: number;
}

const whole = (picture: Picture): Patch => ({ picture, left: 0, top: 0 });

// `| 0` makes sure of 31-bit integers: one double among them (-0, for instance) would slow every pixel down.
function piece({ picture: { width, height, data }, left, top }: Patch, canvas: Size): Piece {
  return {
    left: Math.max(left, 0) | 0,
    top: Math.max(top, 0) | 0,
    right: Math.min(left + width, canvas.width) | 0,
    bottom: Math.min(top + height, canvas.height) | 0,
    data,
    origin: (-(top * width + left) * 3) | 0,
    stride: (width * 3) | 0,
  };
}

function pickRow(pieces: readonly Piece[], positions: Positions, out: Uint8Array, start: number): void {
  for (let i = 0; i < positions.x.length; ) {
    const around = holding(pieces, positions.x[i] >> 5, positions.y[i] >> 5);
    if (around) i = pickRun(around, positions, i, { out, start });
    else pickBetween(pieces, positions, i++, { out, start });
  }
}

// The piece that holds all of the four pixels whose top left one is (x, y).
function holding(pieces: readonly Piece[], x: number, y: number): Piece | undefined {
  for (const piece of pieces) {
    if (x >= piece.left && y >= piece.top && x < piece.right - 1 && y < piece.bottom - 1) return piece;
  }
  return undefined;
}

interface Target {
  readonly out: Uint8Array;
  readonly start: number;
}

// From pixel i of the row on while the piece holds the four neighbours; gives the first pixel left over.
function pickRun(piece: Piece, positions: Positions, i: number, { out, start }: Target): number {
  const { left, top, data, origin, stride } = piece;
  const [lastX, lastY] = [piece.right - 1, piece.bottom - 1];
  const [xs, ys] = [positions.x, positions.y];
  for (let to = (start + i * 3) | 0; i < xs.length; i++, to += 3) {
    const x = xs[i] >> 5;
    const y = ys[i] >> 5;
    if (x < left || y < top || x >= lastX || y >= lastY) return i;
    const p = origin + y * stride + x * 3;
    const q = p + stride;
    const fx = xs[i] & 31;
    const fy = ys[i] & 31;
    const d = fx * fy;
    const b = (fx << 5) - d;
    const c = (fy << 5) - d;
    const a = 1024 - b - c - d;
    out[to] = (data[p] * a + data[p + 3] * b + data[q] * c + data[q + 3] * d + 512) >> 10;
    out[to + 1] = (data[p + 1] * a + data[p + 4] * b + data[q + 1] * c + data[q + 4] * d + 512) >> 10;
    out[to + 2] = (data[p + 2] * a + data[p + 5] * b + data[q + 2] * c + data[q + 5] * d + 512) >> 10;
  }
  return i;
}

// Neighbours from several pieces or from outside. The output holds the border already, which stays where none is inside.
function pickBetween(pieces: readonly Piece[], { x: xs, y: ys }: Positions, i: number, { out, start }: Target): void {
  const [x, y, fx, fy] = [xs[i] >> 5, ys[i] >> 5, xs[i] & 31, ys[i] & 31];
  const near = pieces.filter(
    ({ left, top, right, bottom }) => x >= left - 1 && y >= top - 1 && x < right && y < bottom,
  );
  if (near.length === 0) return;
  for (let c = 0; c < 3; c++) {
    const upper = valueAt(near, x, y, c) * (32 - fx) + valueAt(near, x + 1, y, c) * fx;
    const lower = valueAt(near, x, y + 1, c) * (32 - fx) + valueAt(near, x + 1, y + 1, c) * fx;
    out[start + i * 3 + c] = (upper * (32 - fy) + lower * fy + 512) >> 10;
  }
}

function valueAt(pieces: readonly Piece[], x: number, y: number, channel: number): number {
  for (const { left, top, right, bottom, data, origin, stride } of pieces) {
    if (x >= left && y >= top && x < right && y < bottom) return data[origin + y * stride + x * 3 + channel];
  }
  return border;
}

// To the nearest integer, kept so small that two of them add up within 31 bits.
const fixed = (x: number) => Math.round(Math.min(Math.max(x, -0x3fffffff), 0x3fffffff));

// A matrix without inverse (scale 0) becomes zeros, which show the source's first pixel everywhere, as in OpenCV.
function invertAffine([a, b, c, d, e, f]: Matrix): Matrix {
  const determinant = a * e - b * d;
  const k = determinant === 0 ? 0 : 1 / determinant;
  const [ia, ib, id, ie] = [e * k, -b * k, -d * k, a * k];
  return [ia, ib, -ia * c - ib * f, id, ie, -id * c - ie * f];
}

function invert([a, b, c, d, e, f, g, h, i]: Matrix): Matrix {
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const determinant = a * A + b * B + c * C;
  const k = determinant === 0 ? 0 : 1 / determinant;
  const adjugate = [A, c * h - b * i, b * f - c * e, B, a * i - c * g, c * d - a * f, C, b * g - a * h, a * e - b * d];
  return adjugate.map((entry) => entry * k);
}
