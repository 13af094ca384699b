import {
  abs,
  add,
  div,
  mul,
  reduceSum,
  reshape,
  scalar,
  sub,
  type Tensor,
  transpose,
  upsampleNearest,
} from "../../graph/index.js";
import type { Classifier } from "../classifier.js";
import { truncatedNormalInit } from "../init.js";
import { conv2d } from "../layers/basic.js";
import { list, type Module, module, parameter } from "../module.js";
import type { SwinClassifier } from "./classifier.js";
import { toMap } from "./embed.js";

/** A Swin Transformer that learns to see what is hidden of pictures (SimMIM), under the official names of its weights. */
export interface Simmim extends Pick<Classifier, "depthOf" | "depths" | "undecayed"> {
  /** Pictures [b, c, h, w] and the mask of their patches [b, h / patch, w / patch], 1: hidden, to pictures [b, c, h, w]. */
  readonly module: Module<(x: Tensor, mask: Tensor) => Tensor>;
  /** What the decoder sees: the last stage's map [b, width, h / stride, w / stride], normalised. */
  readonly encode: (x: Tensor, mask: Tensor) => Tensor;
  readonly encoder: SwinClassifier;
  /** Side of a patch in pixels. */
  readonly patch: number;
}

/**
 * Tokens of hidden patches become one learned vector; the encoder sees all of them, and a single layer makes pixels of what it
 * says: a 1 x 1 convolution to stride * stride pixels, laid out.
 */
export function simmim(encoder: SwinClassifier): Simmim {
  const { embedDim, depths, channels, patch } = encoder.config;
  const stride = patch << (depths.length - 1);
  const [width] = encoder.backbone.widths.slice(-1);
  const mask_token = parameter([1, 1, embedDim], truncatedNormalInit(0.02));
  const decode = conv2d(width, stride * stride * channels);
  const encode = (x: Tensor, mask: Tensor): Tensor => {
    const hidden = reshape(mask, [mask.shape[0], -1, 1]);
    const shown = sub(scalar(1), hidden);
    const tokens = (patches: Tensor) => add(mul(patches, shown), mul(mask_token.tensor, hidden));
    const { stages, normalised } = encoder.features(x, { tokens });
    return toMap(normalised, stages[stages.length - 1].size);
  };
  const inside = (name: string) => name.startsWith("encoder.");
  const own = (name: string) => name.slice("encoder.".length);
  const children = {
    encoder: { children: { mask_token, ...encoder.module.children } },
    decoder: list([decode]),
  };
  return {
    module: module(children, (x: Tensor, mask: Tensor) => pixelShuffle(decode(encode(x, mask)), stride)),
    encode,
    encoder,
    patch,
    // By the encoder's own names: the official wrapper compares prefixed ones, and so decays what it means to leave alone.
    undecayed: (name) => (inside(name) ? encoder.undecayed(own(name)) : name.endsWith(".bias")),
    depthOf: (name) => (inside(name) ? encoder.depthOf(own(name)) : encoder.depths - 1),
    depths: encoder.depths,
  };
}

/** [b, c * n * n, h, w] -> [b, c, h * n, w * n]: channel c * n * n + n * i + j goes to row i, column j of its place. */
function pixelShuffle(x: Tensor, n: number): Tensor {
  const [b, c, h, w] = x.shape;
  const apart = reshape(x, [b, c / (n * n), n, n, h, w]);
  return reshape(transpose(apart, [0, 1, 4, 2, 5, 3]), [b, c / (n * n), h * n, w * n]);
}

/** The mean distance of pictures [b, c, h, w] from `target` where the mask [b, h / patch, w / patch] hides them (L1). */
export function maskedLoss(made: Tensor, target: Tensor, mask: Tensor): Tensor {
  const [b, rows, columns] = mask.shape;
  const [, channels, height] = made.shape;
  const pixels = upsampleNearest(reshape(mask, [b, 1, rows, columns]), height / rows);
  const sum = reduceSum(mul(abs(sub(target, made)), pixels));
  return div(sum, mul(add(reduceSum(pixels), scalar(1e-5)), scalar(channels)));
}
