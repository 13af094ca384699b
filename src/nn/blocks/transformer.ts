import {
  add,
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
import { constantInit, uniformInit } from "../init.js";
import { headWidth, linear } from "../layers/basic.js";
import { type Module, module, parameter, sequential } from "../module.js";
import { convBlock, type Setting } from "./conv.js";
import { c3 } from "./csp.js";
import { count, defineBlock, factor, ignored, upTo } from "./define.js";

/** Multi-head attention as nn.MultiheadAttention names it; q, k, v [length, batch, c]. */
function multiheadAttention(c: number, heads: number): Module<(q: Tensor, k: Tensor, v: Tensor) => Tensor> {
  // Xavier uniform over the stacked [3c, c] weight.
  const in_proj_weight = parameter([3 * c, c], uniformInit(Math.sqrt(6 / (4 * c))));
  const in_proj_bias = parameter([3 * c], constantInit(0));
  const out_proj = linear(c, c);
  const zero = parameter([c], constantInit(0));
  const out = { children: { weight: out_proj.children.weight, bias: zero } };
  const d = headWidth(c, heads);
  return module({ in_proj_weight, in_proj_bias, out_proj: out }, (q: Tensor, k: Tensor, v: Tensor) => {
    const [length, batch] = q.shape;
    const weights = split(in_proj_weight.tensor, [c, c, c], 0);
    const biases = split(in_proj_bias.tensor, [c, c, c], 0);
    const [qh, kh, vh] = [q, k, v].map((x, i) => {
      const rows = reshape(linearProduct(x, weights[i], { bias: biases[i] }), [length, batch * heads, d]);
      return transpose(rows, [1, 0, 2]); // [batch * heads, length, d]
    });
    const attention = softmax(matMul(mul(qh, scalar(1 / Math.sqrt(d))), swapLast(kh)));
    const mixed = reshape(transpose(matMul(attention, vh), [1, 0, 2]), [length, batch, c]);
    const weight = out.children.weight as typeof zero;
    return linearProduct(mixed, weight.tensor, { bias: zero.tensor });
  });
}

/** Attention and two linear layers, each added to its input; no norms, no activation. x [length, batch, c]. */
export function transformerLayer(c: number, heads: number): Module {
  const [q, k, v] = [0, 1, 2].map(() => linear(c, c, { bias: false }));
  const ma = multiheadAttention(c, heads);
  const fc1 = linear(c, c, { bias: false });
  const fc2 = linear(c, c, { bias: false });
  return module({ q, k, v, ma, fc1, fc2 }, (x: Tensor) => {
    const y = add(ma(q(x), k(x), v(x)), x);
    return add(fc2(fc1(y)), y);
  });
}

/** Transformer layers over all places of a map [b, c, h, w], with a learned position layer. */
export function transformerBlock(
  c1: number,
  c2: number,
  setting: Setting,
  { heads, layers }: { heads: number; layers: number },
): Module {
  const conv = c1 === c2 ? undefined : convBlock(c1, c2, setting);
  const position = linear(c2, c2);
  const tr = sequential(Array.from({ length: layers }, () => transformerLayer(c2, heads)));
  return module({ conv, linear: position, tr }, (x: Tensor) => {
    const map = conv ? conv(x) : x;
    const [b, c, h, w] = map.shape;
    const p = transpose(reshape(map, [b, c, h * w]), [2, 0, 1]); // [h * w, b, c]
    const y = tr(add(p, position(p)));
    return reshape(transpose(y, [1, 2, 0]), [b, c, h, w]);
  });
}

export const TransformerLayer = defineBlock({
  name: "TransformerLayer",
  args: { c: count, num_heads: count },
  build: ({ c, num_heads }) => transformerLayer(c, num_heads),
});

export const TransformerBlock = defineBlock({
  name: "TransformerBlock",
  args: { c1: count, c2: count, num_heads: count, num_layers: upTo(200) },
  build: ({ c1, c2, num_heads, num_layers }, context) =>
    transformerBlock(c1, c2, context, { heads: num_heads, layers: num_layers }),
});

export const C3TR = defineBlock({
  name: "C3TR",
  widths: "scaled",
  repeats: true,
  args: { c1: count, c2: count, n: count.or(1), shortcut: ignored.or(true), g: ignored.or(1), e: factor.or(0.5) },
  build: ({ c1, c2, n, e }, context) =>
    c3(c1, c2, context, (c) => transformerBlock(c, c, context, { heads: 4, layers: n }), e),
});
