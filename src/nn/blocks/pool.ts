import { UserError } from "../../errors/index.js";
import { concat, maxPool, type Tensor } from "../../graph/index.js";
import { pair, type Size } from "../layers/basic.js";
import { leaf, list, type Module, module } from "../module.js";
import { convBlock, type Setting } from "./conv.js";
import { c3 } from "./csp.js";
import { count, counts, defineBlock, factor, flag, ignored, oneOf, optional, padding, size } from "./define.js";

const around = (k: number): Module => {
  const p = Math.floor(k / 2);
  return leaf((x) => maxPool(x, [k, k], { strides: [1, 1], pads: [p, p, p, p] }));
};

/** Pools of several sizes side by side. */
export function spp(c1: number, c2: number, setting: Setting, k: readonly number[]) {
  const c = Math.floor(c1 / 2);
  const cv1 = convBlock(c1, c, setting);
  const cv2 = convBlock(c * (k.length + 1), c2, setting);
  const pools = k.map(around);
  return module({ cv1, cv2, m: list(pools) }, (x: Tensor) => {
    const y = cv1(x);
    return cv2(concat([y, ...pools.map((pool) => pool(y))], 1));
  });
}

export const SPP = defineBlock({
  name: "SPP",
  widths: "scaled",
  args: { c1: count, c2: count, k: counts.or([5, 9, 13]) },
  build: ({ c1, c2, k }, context) => spp(c1, c2, context, k),
});

export const SPPF = defineBlock({
  name: "SPPF",
  widths: "scaled",
  args: { c1: count, c2: count, k: count.or(5) },
  build: ({ c1, c2, k }, context) => {
    const c = Math.floor(c1 / 2);
    const cv1 = convBlock(c1, c, context);
    const cv2 = convBlock(4 * c, c2, context);
    const m = around(k);
    return module({ cv1, cv2, m }, (x: Tensor) => {
      const y = cv1(x);
      const once = m(y);
      const twice = m(once);
      return cv2(concat([y, once, twice, m(twice)], 1));
    });
  },
});

export const C3SPP = defineBlock({
  name: "C3SPP",
  widths: "scaled",
  args: {
    c1: count,
    c2: count,
    k: counts.or([5, 9, 13]),
    n: ignored.or(1),
    shortcut: ignored.or(true),
    g: ignored.or(1),
    e: factor.or(0.5),
  },
  build: ({ c1, c2, k, e }, context) => c3(c1, c2, context, (c) => spp(c, c, context, k), e),
});

export const MaxPool2d = defineBlock({
  name: "nn.MaxPool2d",
  args: {
    kernel_size: size,
    stride: optional(size),
    padding: padding.or(0),
    dilation: size.or(1),
    return_indices: oneOf(false).or(false),
    ceil_mode: flag.or(false),
  },
  build: ({ kernel_size, stride, padding: p, dilation, ceil_mode }) => {
    const [top, left] = pair((p ?? 0) as Size);
    const [height, width] = pair(kernel_size);
    if (2 * top > height || 2 * left > width) {
      throw new UserError(`argument padding: got ${p}, expected at most half of the kernel ${kernel_size}`);
    }
    const options = {
      strides: pair(stride ?? kernel_size),
      pads: [top, left, top, left],
      dilations: pair(dilation),
      ceilMode: Boolean(ceil_mode),
    };
    return leaf((x) => maxPool(x, pair(kernel_size), options));
  },
});
