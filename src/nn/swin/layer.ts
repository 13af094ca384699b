import {
  add,
  dropout,
  dropPath,
  floats,
  gather,
  ints,
  pad,
  reshape,
  type Tensor,
  takeRows,
  transpose,
} from "../../graph/index.js";
import { type Activation, parseActivation } from "../layers/activation.js";
import { type Linear, layerNorm, linear } from "../layers/basic.js";
import { leaf, type Module, module } from "../module.js";
import { windowAttention } from "./attention.js";
import type { BiasTables } from "./bias.js";
import type { AttentionKind, NormPlace, PositionBias } from "./config.js";
import { paddedSize, shiftMask, shiftPatterns, type WindowGrid, windowIndex } from "./window.js";

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
  readonly norm?: NormPlace;
  /** Maps are padded before the first norm, as detectors with V1 blocks do: padding then takes part in attention. */
  readonly padFirst?: boolean;
  readonly attention?: AttentionKind;
  readonly bias?: PositionBias;
  /** What the weights of norm1 and norm2 start with. */
  readonly normStart?: number;
  /** One more norm behind the block, on the trunk. */
  readonly extraNorm?: boolean;
  /** Tables and masks that the blocks of a stage share. */
  readonly tables?: BiasTables;
  readonly maskOf?: (grid: WindowGrid) => Tensor | undefined;
}

/** Rows and columns of a map of tokens. */
export type MapSize = Pick<WindowGrid, "height" | "width">;

/** Tokens [b, h * w, c] of a map h x w in, the same out. */
export type TokenModule = Module<(tokens: Tensor, size: MapSize) => Tensor>;

/**
 * A Swin block on tokens: attention in (shifted) windows and an mlp, each normalised after, inside the residual (V2), or
 * before (V1).
 */
export function swinTokens(dim: number, heads: number, options: SwinLayerOptions = {}): TokenModule {
  const { window = 7, shift = 0, mlpRatio = 4, qkvBias = true, drop = 0, attnDrop = 0, dropPathRate = 0 } = options;
  const { activation, pretrainedWindow: pretrained = 0, norm = "res-post", normStart: start = 1 } = options;
  const { attention, bias, tables, extraNorm = false, maskOf = shiftMaskOf, padFirst = false } = options;
  const norm1 = layerNorm(dim, { start });
  const attn = windowAttention(dim, [window, window], heads, {
    qkvBias,
    attnDrop,
    projDrop: drop,
    pretrained: [pretrained, pretrained],
    attention,
    bias,
    tables,
  });
  const norm2 = layerNorm(dim, { start });
  const feedForward = mlp(dim, { hidden: Math.floor(dim * mlpRatio), activation, drop });
  const drop_path = leaf((x) => dropPath(x, dropPathRate));
  const enorm = extraNorm ? layerNorm(dim) : undefined;
  // What a branch adds to the trunk.
  const branch = (x: Tensor, normalise: Module, body: (x: Tensor) => Tensor) =>
    drop_path(norm === "pre" ? body(normalise(x)) : normalise(body(x)));
  return module({ norm1, attn, drop_path, norm2, mlp: feedForward, enorm }, (x: Tensor, { height, width }: MapSize) => {
    const grid = { height, width, window, shift };
    const attend = (t: Tensor) => {
      const windows = toWindows(t, grid);
      // Padded tokens are the bias of a norm in front of attention.
      return fromWindows(attn(padFirst ? norm1(windows) : windows, maskOf(grid)), grid, x.shape[0]);
    };
    const y = add(x, padFirst ? drop_path(attend(x)) : branch(x, norm1, attend));
    // The reference runs the mlp on padding too and crops it after; the count of operations says what that takes.
    const [rows, columns] = paddedSize(grid);
    const z = add(
      y,
      branch(y, norm2, (t) => feedForward(t, x.shape[0] * rows * columns)),
    );
    return enorm ? enorm(z) : z;
  });
}

// Masks of more numbers are put together from their patterns when the graph runs.
const largestMask = 2 ** 22;

/** The mask of a grid's windows [windows, n, n]; none without a shift. */
export function shiftMaskOf(grid: WindowGrid): Tensor | undefined {
  if (grid.shift === 0) return undefined;
  const [rows, columns] = paddedSize(grid);
  const n = grid.window ** 2;
  const windows = (rows / grid.window) * (columns / grid.window);
  if (windows <= 4 || windows * n * n <= largestMask) return floats(shiftMask(grid), [windows, n, n]);
  const { masks, pattern } = shiftPatterns(grid);
  return gather(floats(masks, [4, n, n]), ints(pattern));
}

/** [b, h * w, c] -> [b * windows, window * window, c]; padded tokens are zeros. */
export function toWindows(x: Tensor, grid: WindowGrid): Tensor {
  if (isOneWindow(grid)) return x;
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
  if (isOneWindow(grid)) return x;
  const { index, inverse } = windowIndex(grid);
  // The entries of padding are past the end: no gradient.
  return takeRows(reshape(x, [b, index.length, x.shape[2]]), inverse, { inverse: index, axis: 1 });
}

const isOneWindow = ({ height, width, window, shift }: WindowGrid): boolean =>
  height === window && width === window && shift === 0;

/** A token module for maps [b, c, h, w]. */
export const onMaps = (tokens: TokenModule): Module =>
  module(tokens.children, (x: Tensor) => {
    const [b, c, height, width] = x.shape;
    const rows = transpose(reshape(x, [b, c, height * width]), [0, 2, 1]);
    const y = tokens(rows, { height, width });
    return reshape(transpose(y, [0, 2, 1]), [b, c, height, width]);
  });
