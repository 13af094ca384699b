import { UserError } from "../../errors/index.js";
import { add, concat, type Tensor } from "../../graph/index.js";
import { leaf, type Module, module, sequential } from "../module.js";
import { type ConvBlockOptions, convBlock, dwConv, type Setting } from "./conv.js";
import { c3 } from "./csp.js";
import { activation, count, defineBlock, factor, ignored, size } from "./define.js";

/** Half the channels by a convolution, the other half by a cheap depth-wise one on them. */
export function ghostConv(
  c1: number,
  c2: number,
  setting: Setting,
  { k = 1, s = 1, g = 1, act = true }: ConvBlockOptions = {},
): Module {
  const c = Math.floor(c2 / 2);
  const cv1 = convBlock(c1, c, setting, { k, s, g, act });
  const cv2 = convBlock(c, c, setting, { k: 5, g: c, act });
  return module({ cv1, cv2 }, (x: Tensor) => {
    const y = cv1(x);
    return concat([y, cv2(y)], 1);
  });
}

function ghostBottleneck(c1: number, c2: number, setting: Setting, { k = 3, s = 1 } = {}): Module {
  const c = Math.floor(c2 / 2);
  const middle = s === 2 ? dwConv(c, c, setting, { k, s, act: false }) : leaf((x) => x);
  const conv = sequential([ghostConv(c1, c, setting), middle, ghostConv(c, c2, setting, { act: false })]);
  const shortcut =
    s === 2
      ? sequential([dwConv(c1, c1, setting, { k, s, act: false }), convBlock(c1, c2, setting, { act: false })])
      : leaf((x) => x);
  return module({ conv, shortcut }, (x: Tensor) => add(conv(x), shortcut(x)));
}

export const GhostConv = defineBlock({
  name: "GhostConv",
  widths: "scaled",
  args: { c1: count, c2: count, k: size.or(1), s: size.or(1), g: count.or(1), act: activation.or(true) },
  channels: ({ c2 }) => 2 * Math.floor(c2 / 2),
  build: ({ c1, c2, ...options }, context) => ghostConv(c1, c2, context, options),
});

export const GhostBottleneck = defineBlock({
  name: "GhostBottleneck",
  widths: "scaled",
  args: { c1: count, c2: count, k: count.or(3), s: count.or(1) },
  build: ({ c1, c2, ...options }, context) => {
    if (options.s !== 2 && c1 !== c2) throw new UserError(`argument c2: got ${c2}, expected the input's width ${c1}`);
    return ghostBottleneck(c1, c2, context, options);
  },
});

export const C3Ghost = defineBlock({
  name: "C3Ghost",
  widths: "scaled",
  repeats: true,
  args: { c1: count, c2: count, n: count.or(1), shortcut: ignored.or(true), g: ignored.or(1), e: factor.or(0.5) },
  build: ({ c1, c2, n, e }, context) =>
    c3(c1, c2, context, (c) => sequential(Array.from({ length: n }, () => ghostBottleneck(c, c, context))), e),
});
