import { add, type Tensor } from "../../graph/index.js";
import type { Activation } from "../layers/activation.js";
import { layerNorm } from "../layers/basic.js";
import { module } from "../module.js";
import { windowAttentionV1 } from "./attentionV1.js";
import { fromWindows, type MapSize, maskOf, mlp, type TokenModule, toWindows } from "./layer.js";
import { paddedSize } from "./window.js";

export interface SwinLayerV1Options {
  readonly window?: number;
  readonly shift?: number;
  readonly activation?: Activation;
}

/** A Swin V1 block on tokens: attention in (shifted) windows and an mlp four times as wide, each normalised before (pre-norm). */
export function swinTokensV1(dim: number, heads: number, options: SwinLayerV1Options = {}): TokenModule {
  const { window = 8, shift = 0, activation } = options;
  const norm1 = layerNorm(dim);
  const attn = windowAttentionV1(dim, [window, window], heads);
  const norm2 = layerNorm(dim);
  const feedForward = mlp(dim, { hidden: 4 * dim, activation });
  return module({ norm1, attn, norm2, mlp: feedForward }, (x: Tensor, { height, width }: MapSize) => {
    const grid = { height, width, window, shift };
    // Padding is normalised too, as in the reference: its tokens are the norm's bias and take part in attention.
    const attended = attn(norm1(toWindows(x, grid)), maskOf(grid));
    const y = add(x, fromWindows(attended, grid, x.shape[0]));
    // The reference runs the mlp on padding too and crops it after; the count of operations says what that takes.
    const [rows, columns] = paddedSize(grid);
    return add(y, feedForward(norm2(y), x.shape[0] * rows * columns));
  });
}
