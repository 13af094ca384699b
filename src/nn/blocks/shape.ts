import { UserError } from "../../errors/index.js";
import {
  add,
  concat,
  mul,
  pad,
  reshape,
  resizeBilinear,
  resizeNearest,
  scalar,
  sigmoid,
  silu,
  slice,
  type Tensor,
  transpose,
  upsampleNearest,
} from "../../graph/index.js";
import { batchNorm2d, conv2d, pair } from "../layers/basic.js";
import { leaf, list, module, parameter } from "../module.js";
import { roundHalfEven } from "../optim/schedule.js";
import { gcd, samePadding } from "./conv.js";
import { count, counts, defineBlock, factor, flag, ignored, oneOf, optional, size, whole, wholes } from "./define.js";

export const Concat = defineBlock({
  name: "Concat",
  list: true,
  args: { dimension: whole.or(1) },
  channels: ({ dimension }, inputs) => (dimension === 1 ? inputs.reduce((sum, c) => sum + c, 0) : inputs[0]),
  build: ({ dimension }) => module({}, (xs: readonly Tensor[]) => concat(xs, dimension)),
});

/** One of the maps of a row that gives several, or of several rows. */
export const Feature = defineBlock({
  name: "Feature",
  list: true,
  args: { index: whole },
  channels: ({ index }, inputs) => {
    if (index < inputs.length) return inputs[index];
    throw new UserError(`argument index: got ${index}, expected less than ${inputs.length}, the maps there are`);
  },
  build: ({ index }) => module({}, (xs: readonly Tensor[]) => xs[index]),
});

export const Sum = defineBlock({
  name: "Sum",
  list: true,
  args: { n: count, weight: flag.or(false) },
  build: ({ n, weight }, { channels }) => {
    if (channels.length !== n) throw new UserError(`argument n: got ${n}, expected ${channels.length}, one an input`);
    // Starts at -1/2, -2/2, ...; the first input counts whole, the others 2 sigmoid(w).
    const w = weight
      ? parameter([n - 1], () => Float32Array.from({ length: n - 1 }, (_, i) => -(i + 1) / 2))
      : undefined;
    return module({ w }, (xs: readonly Tensor[]) =>
      xs.slice(1, n).reduce((sum, x, i) => {
        if (!w) return add(sum, x);
        const part = slice(mul(sigmoid(w.tensor), scalar(2)), { axes: [0], starts: [i], ends: [i + 1] });
        return add(sum, mul(x, part));
      }, xs[0]),
    );
  },
});

export const Contract = defineBlock({
  name: "Contract",
  args: { gain: count.or(2) },
  channels: ({ gain }, [c]) => c * gain * gain,
  build: ({ gain: g }) =>
    module({}, (x: Tensor) => {
      const [b, c, h, w] = x.shape;
      if (h % g || w % g) throw new UserError(`a map of ${h} x ${w}, expected multiples of gain ${g}`);
      const blocks = transpose(reshape(x, [b, c, h / g, g, w / g, g]), [0, 3, 5, 1, 2, 4]);
      return reshape(blocks, [b, c * g * g, h / g, w / g]);
    }),
});

export const Expand = defineBlock({
  name: "Expand",
  args: { gain: count.or(2) },
  channels: ({ gain }, [c]) => Math.floor(c / (gain * gain)),
  build: ({ gain: g }, { channels: [width] }) => {
    if (width % (g * g)) throw new UserError(`argument gain: got ${g}, expected one whose square divides ${width}`);
    return leaf((x) => {
      const [b, c, h, w] = x.shape;
      const blocks = transpose(reshape(x, [b, g, g, c / (g * g), h, w]), [0, 3, 4, 1, 5, 2]);
      return reshape(blocks, [b, c / (g * g), h * g, w * g]);
    });
  },
});

export const Upsample = defineBlock({
  name: "nn.Upsample",
  args: {
    size: optional(size),
    scale_factor: optional(factor),
    mode: oneOf("nearest", "bilinear").or("nearest"),
    align_corners: optional(flag),
  },
  build: ({ size: to, scale_factor: scale, mode, align_corners }) => {
    if (to === null && scale === null) throw new UserError("size and scale_factor are both null, expected one of them");
    return module({}, (x: Tensor) => {
      if (mode === "nearest" && scale !== null && Number.isInteger(scale)) return upsampleNearest(x, scale);
      const [h, w] = to === null ? [x.shape[2], x.shape[3]].map((d) => Math.floor(d * (scale as number))) : pair(to);
      return mode === "nearest" ? resizeNearest(x, [h, w]) : resizeBilinear(x, [h, w], Boolean(align_corners));
    });
  },
});

export const ZeroPad2d = defineBlock({
  name: "nn.ZeroPad2d",
  args: { padding: wholes(4) },
  build: ({ padding: [left, right, top, bottom] }) =>
    module({}, (x: Tensor) =>
      pad(x, [
        [0, 0],
        [0, 0],
        [top, bottom],
        [left, right],
      ]),
    ),
});

export const Identity = defineBlock({
  name: "nn.Identity",
  args: { ignored: ignored.or(null) },
  build: () => leaf((x) => x),
});

export const MixConv2d = defineBlock({
  name: "MixConv2d",
  widths: "scaled",
  args: { c1: count, c2: count, k: counts.or([1, 3]), s: count.or(1), equal_ch: flag.or(true) },
  build: ({ c1, c2, k, s, equal_ch }) => {
    const parts = (equal_ch ? equalWidths : equalWeights)(c2, k);
    const convs = k.map((kernel, i) =>
      conv2d(c1, parts[i], { kernel, stride: s, padding: samePadding(kernel), groups: gcd(c1, parts[i]), bias: false }),
    );
    const bn = batchNorm2d(c2);
    const act = leaf(silu);
    return module({ m: list(convs), bn, act }, (x: Tensor) =>
      act(
        bn(
          concat(
            convs.map((branch) => branch(x)),
            1,
          ),
        ),
      ),
    );
  },
});

// Output channel i belongs to part floor(i * (n - 1e-6) / (c2 - 1)).
function equalWidths(c2: number, { length: n }: readonly number[]): number[] {
  const parts = new Array<number>(n).fill(0);
  for (let i = 0; i < c2; i++) parts[c2 === 1 ? 0 : Math.floor((i * (n - 1e-6)) / (c2 - 1))]++;
  return parts;
}

// Widths so that every kernel size has as many weights: in proportion to 1 / k^2.
function equalWeights(c2: number, k: readonly number[]): number[] {
  const shares = k.map((kernel) => 1 / kernel ** 2);
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => roundHalfEven((c2 * share) / total));
}
