import { add, concat, silu, type Tensor } from "../../graph/index.js";
import { batchNorm2d, conv2d } from "../layers/basic.js";
import { leaf, type Module, module, sequential } from "../module.js";
import { convBlock, type Setting } from "./conv.js";
import { count, defineBlock, factor, flag } from "./define.js";

const hidden = (c2: number, e: number): number => Math.floor(c2 * e);
const repeated = (n: number, make: () => Module): Module => sequential(Array.from({ length: n }, make));

interface BottleneckOptions {
  readonly shortcut?: boolean;
  readonly g?: number;
  readonly e?: number;
}

/** 1 x 1 down, 3 x 3 up, and the input added where the widths agree. */
export function bottleneck(
  c1: number,
  c2: number,
  setting: Setting,
  { shortcut = true, g = 1, e = 0.5 }: BottleneckOptions = {},
): Module {
  const c = hidden(c2, e);
  const cv1 = convBlock(c1, c, setting);
  const cv2 = convBlock(c, c2, setting, { k: 3, g });
  const adds = shortcut && c1 === c2;
  return module({ cv1, cv2 }, (x: Tensor) => (adds ? add(x, cv2(cv1(x))) : cv2(cv1(x))));
}

/** Two 1 x 1 ways in, blocks `m` on one of them, a 1 x 1 way out of both: the frame of C3 and its variants. */
export function c3(c1: number, c2: number, setting: Setting, m: (c: number) => Module, e = 0.5): Module {
  const c = hidden(c2, e);
  const cv1 = convBlock(c1, c, setting);
  const cv2 = convBlock(c1, c, setting);
  const cv3 = convBlock(2 * c, c2, setting);
  const blocks = m(c);
  return module({ cv1, cv2, cv3, m: blocks }, (x: Tensor) => cv3(concat([blocks(cv1(x)), cv2(x)], 1)));
}

const bottleneckArgs = { c1: count, c2: count, shortcut: flag.or(true), g: count.or(1), e: factor.or(0.5) };
const cspArgs = { c1: count, c2: count, n: count.or(1), shortcut: flag.or(true), g: count.or(1), e: factor.or(0.5) };

export const Bottleneck = defineBlock({
  name: "Bottleneck",
  widths: "scaled",
  args: bottleneckArgs,
  build: ({ c1, c2, ...options }, context) => bottleneck(c1, c2, context, options),
});

export const C3 = defineBlock({
  name: "C3",
  widths: "scaled",
  repeats: true,
  args: cspArgs,
  build: ({ c1, c2, n, shortcut, g, e }, context) =>
    c3(c1, c2, context, (c) => repeated(n, () => bottleneck(c, c, context, { shortcut, g, e: 1 })), e),
});

/** Convolutions (1, k) and (k, 1) in turn. */
function crossConv(
  c1: number,
  c2: number,
  setting: Setting,
  { k = 3, s = 1, g = 1, e = 1, shortcut = false }: BottleneckOptions & { k?: number; s?: number } = {},
): Module {
  const c = hidden(c2, e);
  const cv1 = convBlock(c1, c, setting, { k: [1, k], s: [1, s] });
  const cv2 = convBlock(c, c2, setting, { k: [k, 1], s: [s, 1], g });
  const adds = shortcut && c1 === c2;
  return module({ cv1, cv2 }, (x: Tensor) => (adds ? add(x, cv2(cv1(x))) : cv2(cv1(x))));
}

export const CrossConv = defineBlock({
  name: "CrossConv",
  widths: "scaled",
  args: {
    c1: count,
    c2: count,
    k: count.or(3),
    s: count.or(1),
    g: count.or(1),
    e: factor.or(1),
    shortcut: flag.or(false),
  },
  build: ({ c1, c2, ...options }, context) => crossConv(c1, c2, context, options),
});

export const C3x = defineBlock({
  name: "C3x",
  widths: "scaled",
  repeats: true,
  args: cspArgs,
  build: ({ c1, c2, n, shortcut, g, e }, context) =>
    c3(c1, c2, context, (c) => repeated(n, () => crossConv(c, c, context, { g, shortcut })), e),
});

export const BottleneckCSP = defineBlock({
  name: "BottleneckCSP",
  widths: "scaled",
  repeats: true,
  args: cspArgs,
  build: ({ c1, c2, n, shortcut, g, e }, context) => {
    const c = hidden(c2, e);
    const cv1 = convBlock(c1, c, context);
    const cv2 = conv2d(c1, c, { bias: false });
    const cv3 = conv2d(c, c, { bias: false });
    const cv4 = convBlock(2 * c, c2, context);
    const bn = batchNorm2d(2 * c);
    const act = leaf(silu);
    const m = repeated(n, () => bottleneck(c, c, context, { shortcut, g, e: 1 }));
    return module({ cv1, cv2, cv3, cv4, bn, act, m }, (x: Tensor) => cv4(act(bn(concat([cv3(m(cv1(x))), cv2(x)], 1)))));
  },
});
