import {
  add,
  divisible,
  dropout,
  exp,
  linear as linearProduct,
  matMul,
  max,
  min,
  mul,
  reciprocal,
  reduceSumSquare,
  reshape,
  scalar,
  softmax,
  split,
  sqrt,
  swapLast,
  type Tensor,
  transpose,
} from "../../graph/index.js";
import { constantInit } from "../init.js";
import { headWidth, linear, type Pair } from "../layers/basic.js";
import { type Children, leaf, type Module, module, type Param, parameter } from "../module.js";
import { type BiasTables, biasTables, continuousBias, tableBias } from "./bias.js";
import type { AttentionKind, PositionBias } from "./config.js";

export interface WindowAttentionOptions {
  readonly qkvBias?: boolean;
  readonly attnDrop?: number;
  readonly projDrop?: number;
  /** The window that the position bias was trained with; [0, 0]: this one. */
  readonly pretrained?: Pair;
  readonly attention?: AttentionKind;
  readonly bias?: PositionBias;
  /** Tables of the position bias, where windows share them. */
  readonly tables?: BiasTables;
}

export type WindowAttention = Module<(x: Tensor, mask?: Tensor) => Tensor>;

const smallest = 1e-24; // the square of F.normalize's 1e-12
const largestScale = Math.log(100);

/**
 * Attention inside windows with a position bias: x [batch * windows, n, dim], mask [windows, n, n] or none. Scaled cosine
 * attention with a continuous bias (Swin V2 paper, 3.3), or the parts that V1 had in their place.
 */
export function windowAttention(
  dim: number,
  window: Pair,
  heads: number,
  options: WindowAttentionOptions = {},
): WindowAttention {
  const { qkvBias = true, attnDrop = 0, projDrop = 0, pretrained, attention = "cosine", bias = "log" } = options;
  const { tables = biasTables(window, pretrained, bias) } = options;
  const n = window[0] * window[1];
  const d = headWidth(dim, heads);
  const position = bias === "table" ? tableBias(heads, tables) : continuousBias(heads, tables);
  const products = attention === "cosine" ? cosine(dim, heads, qkvBias) : dot(dim, heads, qkvBias);
  const proj = linear(dim, dim);
  const attn_drop = leaf((x) => dropout(x, attnDrop));
  const proj_drop = leaf((x) => dropout(x, projDrop));
  const normalise = leaf(softmax);
  const children = {
    ...products.children,
    ...position.children,
    qkv: products.qkv,
    attn_drop,
    proj,
    proj_drop,
    softmax: normalise,
  };
  return module(children, (x: Tensor, mask?: Tensor) => {
    const [count] = x.shape;
    const split3 = products.split(x).map((y) => transpose(reshape(y, [count, n, heads, d]), [0, 2, 1, 3]));
    const [q, k, v] = split3; // [count, heads, n, d]
    const attend = (query: Tensor, key: Tensor, value: Tensor, offsets: Tensor) =>
      matMul(attn_drop(normalise(withBias(matMul(query, swapLast(key)), offsets, mask))), value);
    // By heads; a mask that is drawn for all of them at once cannot be.
    const heads1 = { body: attend, axes: [1, 1, 1, 0], into: 1 };
    const inputs = [...products.meet(q, k), v, position.make()] as const;
    const attended = attnDrop > 0 ? attend(...inputs) : divisible(inputs, heads1); // [count, heads, n, d]
    const mixed = reshape(transpose(attended, [0, 2, 1, 3]), [count, n, dim]);
    return proj_drop(proj(mixed));
  });
}

/** How tokens become queries, keys and values, and how queries meet keys. */
interface Products {
  readonly children: Children;
  readonly qkv: Module;
  /** [count, n, dim] to three of that shape. */
  readonly split: (x: Tensor) => readonly Tensor[];
  /** Queries and keys whose products are the logits. */
  readonly meet: (q: Tensor, k: Tensor) => readonly [Tensor, Tensor];
}

// cos(q, k) * exp(min(scale, ln 100)); keys have no bias.
function cosine(dim: number, heads: number, biased: boolean): Products {
  const logit_scale = parameter([heads, 1, 1], constantInit(Math.log(10)));
  const q_bias = biased ? parameter([dim], constantInit(0)) : undefined;
  const v_bias = biased ? parameter([dim], constantInit(0)) : undefined;
  const qkv = linear(dim, 3 * dim, { bias: false });
  const weight = (qkv.children.weight as Param).tensor;
  const scale = () => exp(min(logit_scale.tensor, scalar(largestScale)));
  return {
    children: { logit_scale, q_bias, v_bias },
    qkv,
    split: (x) => {
      const [wq, wk, wv] = split(weight, [dim, dim, dim], 0);
      return [
        linearProduct(x, wq, { bias: q_bias?.tensor }),
        linearProduct(x, wk),
        linearProduct(x, wv, { bias: v_bias?.tensor }),
      ];
    },
    meet: (q, k) => [mul(q, mul(inverseNorm(q), scale())), mul(k, inverseNorm(k))],
  };
}

// q k / sqrt(d)
function dot(dim: number, heads: number, biased: boolean): Products {
  const qkv = linear(dim, 3 * dim, { bias: biased });
  const scale = scalar(1 / Math.sqrt(dim / heads));
  return {
    children: {},
    qkv,
    split: (x) => split(qkv(x), [dim, dim, dim], -1),
    meet: (q, k) => [mul(q, scale), k],
  };
}

// 1 / max(|x|, 1e-12) of every row: [.., 1]
const inverseNorm = (x: Tensor): Tensor =>
  reciprocal(sqrt(max(reduceSumSquare(x, { axes: [-1], keepDims: true }), scalar(smallest))));

// Bias and mask are joined first, while they are small, and added to the logits [batch * windows, heads, n, n] once.
function withBias(logits: Tensor, bias: Tensor, mask?: Tensor): Tensor {
  if (!mask) return add(logits, bias);
  const [windows, n] = mask.shape;
  const [count, heads] = logits.shape;
  const both = add(reshape(mask, [windows, 1, n, n]), bias); // [windows, heads, n, n]
  return reshape(add(reshape(logits, [count / windows, windows, heads, n, n]), both), logits.shape);
}
