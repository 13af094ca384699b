import { add, dropout, dropPath, floats, pad, reshape, type Tensor, takeRows, transpose } from "../../graph/index.js";
import { type Activation, parseActivation } from "../layers/activation.js";
import { type Linear, layerNorm, linear } from "../layers/basic.js";
import { leaf, type Module, module } from "../module.js";
import { windowAttention } from "./attention.js";
import { paddedSize, shiftMask, type WindowGrid, windowIndex } from "./window.js";

export interface MlpOptions {
  readonly hidden?: number;
  readonly out?: number;
  readonly activation?: Activation;
  readonly drop?: number;
}

/** Two linear layers with an activation between them, dropout after each. */
export function mlp(
  dim: number,
  { hidden = dim, out = dim, activation = parseActivation("SiLU"), drop = 0 }: MlpOptions = {},
): Linear {
  const fc1 = linear(dim, hidden);
  const fc2 = linear(hidden, out);
  const dropOut = leaf((x) => dropout(x, drop));
  return module({ fc1, act: activation, fc2, drop: dropOut }, (x: Tensor, countedRows?: number) =>
    dropOut(fc2(dropOut(activation(fc1(x, countedRows))), countedRows)),
  );
}

export interface SwinLayerOptions {
  readonly window?: number;
  readonly shift?: number;
  readonly mlpRatio?: number;
  readonly qkvBias?: boolean;
  readonly drop?: number;
  readonly attnDrop?: number;
  readonly dropPathRate?: number;
  readonly activation?: Activation;
  readonly pretrainedWindow?: number;
}

/** Rows and columns of a map of tokens. */
export type MapSize = Pick<WindowGrid, "height" | "width">;

/** Tokens [b, h * w, c] of a map h x w in, the same out. */
export type TokenModule = Module<(tokens: Tensor, size: MapSize) => Tensor>;

/** A Swin V2 block on tokens: attention in (shifted) windows and an mlp, each normalised after (residual post-norm). */
export function swinTokens(dim: number, heads: number, options: SwinLayerOptions = {}): TokenModule {
  const { window = 7, shift = 0, mlpRatio = 4, qkvBias = true, drop = 0, attnDrop = 0, dropPathRate = 0 } = options;
  const { activation, pretrainedWindow: pretrained = 0 } = options;
  const norm1 = layerNorm(dim);
  const attn = windowAttention(dim, [window, window], heads, {
    qkvBias,
    attnDrop,
    projDrop: drop,
    pretrained: [pretrained, pretrained],
  });
  const norm2 = layerNorm(dim);
  const feedForward = mlp(dim, { hidden: Math.floor(dim * mlpRatio), activation, drop });
  const drop_path = leaf((x) => dropPath(x, dropPathRate));
  return module({ norm1, attn, drop_path, norm2, mlp: feedForward }, (x: Tensor, { height, width }: MapSize) => {
    const grid = { height, width, window, shift };
    const attended = fromWindows(attn(toWindows(x, grid), maskOf(grid)), grid, x.shape[0]);
    const y = add(x, drop_path(norm1(attended)));
    // The reference runs the mlp on padding too and crops it after; the count of operations says what that takes.
    const [rows, columns] = paddedSize(grid);
    return add(y, drop_path(norm2(feedForward(y, x.shape[0] * rows * columns))));
  });
}

/** The mask of shifted windows [windows, n, n]; none without a shift. */
export const maskOf = (grid: WindowGrid): Tensor | undefined => {
  if (grid.shift === 0) return undefined;
  const [rows, columns] = paddedSize(grid);
  const n = grid.window ** 2;
  return floats(shiftMask(grid), [(rows * columns) / n, n, n]);
};

/** [b, h * w, c] -> [b * windows, window * window, c]; padded tokens are zeros. */
export function toWindows(x: Tensor, grid: WindowGrid): Tensor {
  const { index, inverse } = windowIndex(grid);
  const padded = index.length > inverse.length;
  const source = padded
    ? pad(x, [
        [0, 0],
        [0, 1],
        [0, 0],
      ])
    : x;
  // The row of zeros gets some gradient, which nobody reads.
  const rows = takeRows(source, index, { inverse: padded ? [...inverse, 0] : inverse, axis: 1 });
  return reshape(rows, [-1, grid.window ** 2, x.shape[2]]);
}

/** The way back: [b * windows, window * window, c] -> [b, h * w, c]; padded tokens fall away. */
export function fromWindows(x: Tensor, grid: WindowGrid, b: number): Tensor {
  const { index, inverse } = windowIndex(grid);
  // The entries of padding are past the end: no gradient.
  return takeRows(reshape(x, [b, index.length, x.shape[2]]), inverse, { inverse: index, axis: 1 });
}

/** A token module for maps [b, c, h, w]. */
export const onMaps = (tokens: TokenModule): Module =>
  module(tokens.children, (x: Tensor) => {
    const [b, c, height, width] = x.shape;
    const rows = transpose(reshape(x, [b, c, height * width]), [0, 2, 1]);
    const y = tokens(rows, { height, width });
    return reshape(transpose(y, [0, 2, 1]), [b, c, height, width]);
  });
