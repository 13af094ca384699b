import { concat, slice, type Tensor } from "../../graph/index.js";
import { type Activation, parseActivation } from "../layers/activation.js";
import { batchNorm2d, conv2d, convTranspose2d, pair, type Size } from "../layers/basic.js";
import { leaf, type Module, module } from "../module.js";
import { activation, type BlockContext, count, defineBlock, flag, padding, size, whole } from "./define.js";

export interface ConvBlockOptions {
  readonly k?: Size;
  readonly s?: Size;
  /** Half the reach of the kernel where null. */
  readonly p?: Size | null;
  readonly g?: number;
  readonly d?: Size;
  /** true: the activation of the model; false: none; text: that one. */
  readonly act?: boolean | string;
}

/** What every block gets of its surroundings. */
export type Setting = Pick<BlockContext, "activation">;

/** Convolution without bias, batch normalisation, activation. */
export function convBlock(
  c1: number,
  c2: number,
  { activation: own }: Setting,
  options: ConvBlockOptions = {},
): Module {
  const { k = 1, s = 1, p = null, g = 1, d = 1, act = true } = options;
  const conv = conv2d(c1, c2, {
    kernel: k,
    stride: s,
    padding: p ?? samePadding(k, d),
    groups: g,
    dilation: d,
    bias: false,
  });
  const bn = batchNorm2d(c2);
  const activate = activationOf(act, own);
  return module({ conv, bn, act: activate }, (x: Tensor) => activate(bn(conv(x))));
}

const activationOf = (act: boolean | string, own: Activation): Activation =>
  act === true ? own : act === false ? leaf((x) => x) : parseActivation(act);

/** The padding that keeps the size at stride 1: half of (d * (k - 1) + 1) on each axis. */
export function samePadding(k: Size, d: Size = 1): number[] {
  const [kernel, dilation] = [pair(k), pair(d)];
  return [0, 1].map((i) => Math.floor((dilation[i] * (kernel[i] - 1) + 1) / 2));
}

/** Convolution with as many groups as both widths allow. */
export const dwConv = (c1: number, c2: number, setting: Setting, options: Omit<ConvBlockOptions, "g"> = {}): Module =>
  convBlock(c1, c2, setting, { ...options, g: gcd(c1, c2) });

export const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

export const Conv = defineBlock({
  name: "Conv",
  widths: "scaled",
  args: {
    c1: count,
    c2: count,
    k: size.or(1),
    s: size.or(1),
    p: padding.or(null),
    g: count.or(1),
    d: size.or(1),
    act: activation.or(true),
  },
  build: ({ c1, c2, ...options }, context) => convBlock(c1, c2, context, options),
});

export const DWConv = defineBlock({
  name: "DWConv",
  widths: "scaled",
  args: { c1: count, c2: count, k: size.or(1), s: size.or(1), d: size.or(1), act: activation.or(true) },
  build: ({ c1, c2, ...options }, context) => dwConv(c1, c2, context, options),
});

export const DWConvTranspose2d = defineBlock({
  name: "DWConvTranspose2d",
  widths: "scaled",
  args: { c1: count, c2: count, k: size.or(1), s: size.or(1), p1: whole.or(0), p2: whole.or(0) },
  build: ({ c1, c2, k, s, p1, p2 }) =>
    convTranspose2d(c1, c2, { kernel: k, stride: s, padding: p1, outputPadding: p2, groups: gcd(c1, c2) }),
});

export const Focus = defineBlock({
  name: "Focus",
  widths: "scaled",
  args: {
    c1: count,
    c2: count,
    k: size.or(1),
    s: size.or(1),
    p: padding.or(null),
    g: count.or(1),
    act: activation.or(true),
  },
  build: ({ c1, c2, ...options }, context) => {
    const conv = convBlock(4 * c1, c2, context, options);
    return module({ conv }, (x: Tensor) => conv(concat(everyOther(x), 1)));
  },
});

// The four grids of every other pixel: (even row, even column), (odd, even), (even, odd), (odd, odd).
const everyOther = (x: Tensor): Tensor[] =>
  [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ].map((starts) => slice(x, { axes: [2, 3], starts, ends: [x.shape[2], x.shape[3]], steps: [2, 2] }));

export const Conv2d = defineBlock({
  name: "nn.Conv2d",
  args: {
    c1: count,
    c2: count,
    kernel_size: size,
    stride: size.or(1),
    padding: padding.or(0),
    dilation: size.or(1),
    groups: count.or(1),
    bias: flag.or(true),
  },
  build: ({ c1, c2, kernel_size, stride, padding: p, dilation, groups, bias }) =>
    conv2d(c1, c2, { kernel: kernel_size, stride, padding: p ?? 0, dilation, groups, bias }),
});

export const ConvTranspose2d = defineBlock({
  name: "nn.ConvTranspose2d",
  widths: "scaled",
  args: {
    c1: count,
    c2: count,
    kernel_size: size,
    stride: size.or(1),
    padding: whole.or(0),
    output_padding: whole.or(0),
    groups: count.or(1),
    bias: flag.or(true),
    dilation: size.or(1),
  },
  build: ({ c1, c2, kernel_size, stride, padding: p, output_padding, groups, bias, dilation }) =>
    convTranspose2d(c1, c2, {
      kernel: kernel_size,
      stride,
      padding: p,
      outputPadding: output_padding,
      groups,
      bias,
      dilation,
    }),
});

export const BatchNorm2d = defineBlock({
  name: "nn.BatchNorm2d",
  args: { num_features: count },
  build: ({ num_features }) => batchNorm2d(num_features),
});
