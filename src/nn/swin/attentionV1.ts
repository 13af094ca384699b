import {
  linear as linearProduct,
  matMul,
  mul,
  reshape,
  scalar,
  softmax,
  split,
  swapLast,
  type Tensor,
  transpose,
} from "../../graph/index.js";
import { normalInit } from "../init.js";
import { headWidth, linear, type Pair } from "../layers/basic.js";
import { derived, module, type Param, parameter } from "../module.js";
import { forPairs, type WindowAttention, withBias } from "./attention.js";
import { relativePositionIndex } from "./window.js";

/**
 * Scaled dot-product attention inside windows with a learned bias for every offset (Swin paper, eq. 4): x
 * [batch * windows, n, dim], mask [windows, n, n] or none.
 */
export function windowAttentionV1(dim: number, window: Pair, heads: number): WindowAttention {
  const offsets = (2 * window[0] - 1) * (2 * window[1] - 1);
  const relative_position_bias_table = parameter([offsets, heads], normalInit(0.02));
  const relative_position_index = derived(relativePositionIndex(window));
  const qkv = linear(dim, 3 * dim);
  const proj = linear(dim, dim);
  const n = window[0] * window[1];
  const d = headWidth(dim, heads);
  const thirds = (param: Param) => split(param.tensor, [dim, dim, dim], 0);

  return module({ relative_position_bias_table, relative_position_index, qkv, proj }, (x: Tensor, mask?: Tensor) => {
    const [count] = x.shape;
    const biases = thirds(qkv.children.bias as Param);
    const [q, k, v] = thirds(qkv.children.weight as Param).map((weight, i) => {
      const rows = reshape(linearProduct(x, weight, { bias: biases[i] }), [count, n, heads, d]);
      return transpose(rows, [0, 2, 1, 3]); // [count, heads, n, d]
    });
    const logits = matMul(mul(q, scalar(1 / Math.sqrt(d))), swapLast(k));
    const bias = forPairs(relative_position_bias_table.tensor, relative_position_index);
    const mixed = matMul(softmax(withBias(logits, bias, mask)), v);
    return proj(reshape(transpose(mixed, [0, 2, 1, 3]), [count, n, dim]));
  });
}
