import { add, type Tensor } from "../../graph/index.js";
import type { Activation } from "../layers/activation.js";
import { layerNorm } from "../layers/basic.js";
import { module } from "../module.js";
import { windowAttention } from "./attention.js";
import { fromWindows, type MapSize, mlp, shiftMaskOf, type TokenModule, toWindows } from "./layer.js";
import { paddedSize } from "./window.js";

export interface SwinLayerV1Options {
  readonly window?: number;
  readonly shift?: number;
  readonly activation?: Activation;
}

/**
 * The Swin V1 block that detectors use: attention in (shifted) windows and an mlp four times as wide, each normalised before.
 * Unlike `swinTokens` with `norm: "pre"` it pads before the norm.
 */
export function swinTokensV1(dim: number, heads: number, options: SwinLayerV1Options = {}): TokenModule {
  const { window = 8, shift = 0, activation } = options;
  const norm1 = layerNorm(dim);
  const attn = windowAttention(dim, [window, window], heads, { attention: "dot", bias: "table" });
  const norm2 = layerNorm(dim);
  const feedForward = mlp(dim, { hidden: 4 * dim, activation });
  return module({ norm1, attn, norm2, mlp: feedForward }, (x: Tensor, { height, width }: MapSize) => {
    const grid = { height, width, window, shift };
    // Padded tokens are the bias of the norm then, and take part in attention.
    const attended = attn(norm1(toWindows(x, grid)), shiftMaskOf(grid));
    const y = add(x, fromWindows(attended, grid, x.shape[0]));
    // The reference runs the mlp on padding too and crops it after; the count of operations says what that takes.
    const [rows, columns] = paddedSize(grid);
    return add(y, feedForward(norm2(y), x.shape[0] * rows * columns));
  });
}
