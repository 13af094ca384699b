import { hostArray } from "../host.js";
import type { ConvAttrs } from "../ops/conv.js";
import { gather } from "../ops/gather.js";
import { pad, reshape, transpose } from "../ops/shape.js";
import { constant, ints, sizeOf, type Tensor } from "../tensor.js";

// What ONNX Runtime is slow at in 8 bits, in other operators. It keeps levels channels last, so the transposes written here
// meet its own and both go: what is left are copies of whole rows of channels.

const channelsLast = [0, 2, 3, 1];
const channelsFirst = [0, 3, 1, 2];

/** Every pixel of [b, c, h, w] repeated scale x scale times, as `upsampleNearest`. */
export function repeatPixels(x: Tensor, scale: number): Tensor {
  const repeated = (y: Tensor, axis: number) =>
    gather(y, ints(Array.from({ length: y.shape[axis] * scale }, (_, i) => Math.floor(i / scale))), axis);
  return transpose(repeated(repeated(transpose(x, channelsLast), 2), 1), channelsFirst);
}

/** A convolution of levels with constant weights int8. */
export interface LevelsConv {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly attrs: ConvAttrs;
}

// With fewer channels the integer kernel is busy with finding the pixels.
const few = 8;
// It takes channels by four.
const together = 4;

/**
 * The same convolution in steps of 1: its s x s steps become channels of a smaller picture (a kernel of 6 x 6 on 3 channels
 * one of 3 x 3 on 16). Undefined where the picture has channels enough, or there is no step to fold. `zero` is the level of 0.
 */
export function foldStrides({ x, weight, attrs }: LevelsConv, zero: number): LevelsConv | undefined {
  const { strides, pads, dilations, group } = attrs;
  const [b, c, ...size] = x.shape;
  const [s] = strides;
  if (size.length !== 2 || group !== 1 || c >= few || s === 1 || strides[1] !== s) return undefined;
  if (dilations.some((d) => d !== 1) || size.some((n) => n % s !== 0)) return undefined;
  const [h, w] = size.map((n) => n / s);
  const channels = Math.ceil(c / together) * together;
  const filled = pad(
    x,
    x.shape.map((_, axis): [number, number] => [0, axis === 1 ? channels - c : 0]),
    zero,
  );
  // [b, h, s, w, s * channels] -> [b, h, w, s * s * channels]
  const rows = reshape(transpose(filled, channelsLast), [b, h, s, w, s * channels], {
    written: [-1, h, s, w, s * channels],
  });
  const blocks = reshape(transpose(rows, [0, 1, 3, 2, 4]), [b, h, w, s * s * channels], {
    written: [-1, h, w, s * s * channels],
  });
  const axes = [0, 1].map((i) => {
    const kernel = weight.shape[i + 2];
    // Zeros in front of the kernel, so that it starts where a block does.
    const lead = (s - (pads[i] % s)) % s;
    const start = (pads[i] + lead) / s;
    const steps = Math.ceil((kernel + lead) / s);
    const out = Math.floor((size[i] + pads[i] + pads[i + 2] - kernel) / s) + 1;
    return { lead, steps, start, end: out - 1 + steps - start - size[i] / s };
  });
  return {
    x: transpose(blocks, channelsFirst),
    weight: foldedWeight(weight, { s, channels, axes }),
    attrs: {
      strides: [1, 1],
      dilations,
      group,
      pads: [...axes.map(({ start }) => start), ...axes.map(({ end }) => end)],
    },
  };
}

// [o, c, kh, kw] -> [o, s * s * channels, steps, steps]
function foldedWeight(
  { shape: [to, from, kh, kw], value, label }: Tensor,
  { s, channels, axes: [y, x] }: { s: number; channels: number; axes: readonly { lead: number; steps: number }[] },
): Tensor {
  const shape = [to, s * s * channels, y.steps, x.steps];
  const [old, data] = [value!.data as Int8Array, new Int8Array(sizeOf(shape))];
  for (let i = 0; i < old.length; i++) {
    const column = (i % kw) + x.lead;
    const row = (Math.floor(i / kw) % kh) + y.lead;
    const plane = Math.floor(i / (kw * kh));
    const [o, c] = [Math.floor(plane / from), plane % from];
    const channel = ((row % s) * s + (column % s)) * channels + c;
    const place = Math.floor(row / s) * x.steps + Math.floor(column / s);
    data[(o * shape[1] + channel) * y.steps * x.steps + place] = old[i];
  }
  return { ...constant(hostArray("int8", shape, data)), label };
}
