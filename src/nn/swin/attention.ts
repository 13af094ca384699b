import {
  add,
  constant,
  dropout,
  exp,
  gather,
  linear as linearProduct,
  matMul,
  max,
  min,
  mul,
  reciprocal,
  reduceSumSquare,
  relu,
  reshape,
  scalar,
  sigmoid,
  softmax,
  split,
  sqrt,
  swapLast,
  type Tensor,
  transpose,
} from "../../graph/index.js";
import { constantInit } from "../init.js";
import { headWidth, linear, type Pair } from "../layers/basic.js";
import { derived, leaf, type Module, module, type Param, parameter } from "../module.js";
import { relativeCoordsTable, relativePositionIndex } from "./window.js";

export interface WindowAttentionOptions {
  readonly qkvBias?: boolean;
  readonly attnDrop?: number;
  readonly projDrop?: number;
  /** The window that the position bias was trained with; [0, 0]: this one. */
  readonly pretrained?: Pair;
}

export type WindowAttention = Module<(x: Tensor, mask?: Tensor) => Tensor>;

const smallest = 1e-24; // the square of F.normalize's 1e-12
const largestScale = Math.log(100);

/**
 * Scaled cosine attention inside windows with a continuous position bias (Swin V2 paper, 3.3): x [batch * windows, n, dim],
 * mask [windows, n, n] or none.
 */
export function windowAttention(
  dim: number,
  window: Pair,
  heads: number,
  options: WindowAttentionOptions = {},
): WindowAttention {
  const { qkvBias = true, attnDrop = 0, projDrop = 0, pretrained = [0, 0] } = options;
  const logit_scale = parameter([heads, 1, 1], constantInit(Math.log(10)));
  const q_bias = qkvBias ? parameter([dim], constantInit(0)) : undefined;
  const v_bias = qkvBias ? parameter([dim], constantInit(0)) : undefined;
  const relative_coords_table = derived(relativeCoordsTable(window, pretrained));
  const relative_position_index = derived(relativePositionIndex(window));
  const mlp = [linear(2, 512), linear(512, heads, { bias: false })];
  const rectify = leaf(relu);
  const cpb_mlp = { children: { 0: mlp[0], 1: rectify, 2: mlp[1] } };
  const qkv = linear(dim, 3 * dim, { bias: false });
  const proj = linear(dim, dim);
  const attn_drop = leaf((x) => dropout(x, attnDrop));
  const proj_drop = leaf((x) => dropout(x, projDrop));
  const normalise = leaf(softmax);
  const weight = (qkv.children.weight as Param).tensor;
  const n = window[0] * window[1];
  const d = headWidth(dim, heads);

  // 16 sigmoid(mlp(table)) for each pair of tokens: [heads, n, n]
  const positionBias = () => {
    const table = reshape(relative_coords_table.tensor, [-1, 2]);
    const values = mul(sigmoid(mlp[1](rectify(mlp[0](table)))), scalar(16)); // [offsets, heads]
    return forPairs(values, relative_position_index);
  };
  const scale = () => exp(min(logit_scale.tensor, scalar(largestScale)));

  return module(
    {
      logit_scale,
      q_bias,
      v_bias,
      relative_coords_table,
      relative_position_index,
      cpb_mlp,
      qkv,
      attn_drop,
      proj,
      proj_drop,
      softmax: normalise,
    },
    (x: Tensor, mask?: Tensor) => {
      const [count] = x.shape;
      const heads4 = (y: Tensor) => transpose(reshape(y, [count, n, heads, d]), [0, 2, 1, 3]); // [count, heads, n, d]
      const [wq, wk, wv] = split(weight, [dim, dim, dim], 0);
      const q = heads4(linearProduct(x, wq, { bias: q_bias?.tensor }));
      const k = heads4(linearProduct(x, wk));
      const v = heads4(linearProduct(x, wv, { bias: v_bias?.tensor }));
      const query = mul(q, mul(inverseNorm(q), scale()));
      const logits = matMul(query, swapLast(mul(k, inverseNorm(k))));
      const attention = attn_drop(normalise(withBias(logits, positionBias(), mask)));
      const mixed = reshape(transpose(matMul(attention, v), [0, 2, 1, 3]), [count, n, dim]);
      return proj_drop(proj(mixed));
    },
  );
}

/** A value [offsets, heads] for each pair of tokens: [heads, n, n]; `index` [n, n] says which offset a pair has. */
export function forPairs(values: Tensor, index: Param): Tensor {
  const [n] = index.tensor.shape;
  const { data } = index.init as { data: BigInt64Array };
  const pairs = gather(values, constant({ dtype: "int64", shape: [n * n], data })); // [n * n, heads]
  return reshape(transpose(pairs, [1, 0]), [values.shape[1], n, n]);
}

// 1 / max(|x|, 1e-12) of every row: [.., 1]
const inverseNorm = (x: Tensor): Tensor =>
  reciprocal(sqrt(max(reduceSumSquare(x, { axes: [-1], keepDims: true }), scalar(smallest))));

/**
 * Logits [batch * windows, heads, n, n] with the bias [heads, n, n] and the mask [windows, n, n] added. The two are joined
 * first, while they are small.
 */
export function withBias(logits: Tensor, bias: Tensor, mask?: Tensor): Tensor {
  if (!mask) return add(logits, bias);
  const [windows, n] = mask.shape;
  const [count, heads] = logits.shape;
  const both = add(reshape(mask, [windows, 1, n, n]), bias); // [windows, heads, n, n]
  return reshape(add(reshape(logits, [count / windows, windows, heads, n, n]), both), logits.shape);
}
