import { pad, reshape, type Tensor, transpose } from "../../graph/index.js";
import { conv2d, layerNorm, linear } from "../layers/basic.js";
import { type Module, module } from "../module.js";
import type { NormPlace } from "./config.js";
import type { MapSize, TokenModule } from "./layer.js";

/** A map [b, c, h, w] as tokens [b, h * w, c]. */
export function toTokens(map: Tensor): Tensor {
  const [b, c, height, width] = map.shape;
  return transpose(reshape(map, [b, c, height * width]), [0, 2, 1]);
}

/** Tokens [b, h * w, c] as a map [b, c, h, w]. */
export function toMap(tokens: Tensor, { height, width }: MapSize): Tensor {
  const [b, , c] = tokens.shape;
  return reshape(transpose(tokens, [0, 2, 1]), [b, c, height, width]);
}

/** Pictures [b, channels, h, w] to a token for each patch [b, h / patch * w / patch, dim]; sides are padded to whole patches. */
export function patchEmbed(channels: number, dim: number, { patch = 4, normalised = true } = {}): Module {
  const proj = conv2d(channels, dim, { kernel: patch, stride: patch });
  const norm = normalised ? layerNorm(dim) : undefined;
  return module({ proj, norm }, (x: Tensor) => {
    const tokens = toTokens(proj(padTo(x, patch, [2, 3])));
    return norm ? norm(tokens) : tokens;
  });
}

/**
 * Four neighbours as one token of twice the width: [b, h * w, d] to [b, h / 2 * w / 2, 2 d]; the norm follows the product
 * (V2) or precedes it (`pre`, V1). A row or column of zeros makes odd sides even.
 */
export function patchMerging(dim: number, place: NormPlace = "res-post"): TokenModule {
  const reduction = linear(4 * dim, 2 * dim, { bias: false });
  const norm = layerNorm(place === "pre" ? 4 * dim : 2 * dim);
  return module({ reduction, norm }, (x: Tensor, { height, width }: MapSize) => {
    const even = padTo(reshape(x, [x.shape[0], height, width, dim]), 2, [1, 2]);
    const [b, rows, columns] = even.shape;
    const quarters = reshape(even, [b, rows / 2, 2, columns / 2, 2, dim]);
    // Rows before columns: (even, even), (odd row, even), (even, odd column), (odd, odd).
    const joined = reshape(transpose(quarters, [0, 1, 3, 4, 2, 5]), [b, (rows * columns) / 4, 4 * dim]);
    return place === "pre" ? reduction(norm(joined)) : norm(reduction(joined));
  });
}

/** Rows and columns behind a merge. */
export const merged = ({ height, width }: MapSize): MapSize => ({
  height: Math.ceil(height / 2),
  width: Math.ceil(width / 2),
});

// Zeros behind the last entries until the axes divide.
function padTo(x: Tensor, step: number, axes: readonly number[]): Tensor {
  const missing = (axis: number, size: number) => (axes.includes(axis) ? (step - (size % step)) % step : 0);
  const pads = x.shape.map((size, axis): [number, number] => [0, missing(axis, size)]);
  return pads.some(([, after]) => after > 0) ? pad(x, pads) : x;
}
