import { apply1, type Op, ShapeError } from "../op.js";
import { type Attrs, sameShape, type Tensor } from "../tensor.js";
import { mul, mulOp } from "./elementwise.js";
import { matMul, swapLast } from "./matrix.js";
import { reduceSum } from "./reduce.js";
import { flip, reshape, slice, transpose } from "./shape.js";

/** Per spatial axis; pads are all starts, then all ends, as in ONNX. */
export interface ConvAttrs {
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly group: number;
}

const convOp: Op = {
  name: "Conv",
  infer: (inputs, attrs) => {
    const [x, weight, bias] = inputs;
    const a = attrs as unknown as ConvAttrs;
    if (x.shape.length !== weight.shape.length)
      throw new ShapeError("Conv", inputs, "picture and kernel differ in axes");
    const channels = weight.shape[1] * a.group;
    if (x.shape[1] !== channels) {
      throw new ShapeError("Conv", inputs, `input has ${x.shape[1]} channels, weight expects ${channels}`);
    }
    if (weight.shape[0] % a.group) throw new ShapeError("Conv", inputs, `${a.group} groups of output channels`);
    if (bias && bias.shape[0] !== weight.shape[0]) throw new ShapeError("Conv", inputs, "one bias an output channel");
    const spatial = x.shape.slice(2).map((size, i) => reach(size, weight.shape[i + 2], a, i).out);
    if (spatial.some((size) => size < 1))
      throw new ShapeError("Conv", inputs, "the kernel is larger than the padded input");
    return [{ dtype: x.dtype, shape: [x.shape[0], weight.shape[0], ...spatial] }];
  },
  vjp: ([dy], { inputs: [x, weight, bias], attrs }) => {
    if (!dy) return [undefined, undefined, undefined];
    const a = attrs as unknown as ConvAttrs;
    // Batch norm ends its gradient by scaling channels, which is done on the kernel: a pass less over the map.
    const [h, scale] = scaledChannels(dy);
    const scaled = (w: Tensor) => (scale ? mul(w, reshape(scale, [w.shape[0], ...w.shape.slice(1).map(() => 1)])) : w);
    return [
      convInputGradient(h, scaled(weight), x.shape, a),
      scaled(convWeightGradient(x, h, weight.shape, a)),
      bias && reduceSum(dy, { axes: dy.shape.map((_, i) => i).filter((i) => i !== 1) }),
    ];
  },
  onnx: ({ inputs: [, weight], attrs }) => ({
    type: "Conv",
    attributes: { ...convAttributes(attrs), kernel_shape: weight.shape.slice(2) },
  }),
};

// dy as a map and the factors of its channels [1, o, 1, ...], where it was just made so.
function scaledChannels(dy: Tensor): [map: Tensor, scale?: Tensor] {
  const { op, inputs: [map, scale] = [] } = dy.node ?? {};
  const channels = dy.shape.map((size, i) => (i === 1 ? size : 1));
  const found = op === mulOp && sameShape(map.shape, dy.shape) && sameShape(scale.shape, channels);
  return found ? [map, scale] : [dy];
}

const convAttributes = ({ strides, pads, dilations, group }: Attrs): Attrs => ({ strides, pads, dilations, group });

/** How far a kernel reaches along axis i: output size, and the rows at the end that no output sees. */
function reach(size: number, kernel: number, { strides, pads, dilations }: ConvAttrs, i: number) {
  const free = size + pads[i] + pads[i + strides.length] - dilations[i] * (kernel - 1) - 1;
  return { out: Math.floor(free / strides[i]) + 1, rest: ((free % strides[i]) + strides[i]) % strides[i] };
}

export type ConvOptions = Partial<ConvAttrs> & { readonly bias?: Tensor };

/** Convolution [b, c, h, w] * [o, c / group, kh, kw] -> [b, o, h', w'], plus a bias an output channel. */
export function conv(
  x: Tensor,
  weight: Tensor,
  { strides, pads, dilations, group = 1, bias }: ConvOptions = {},
): Tensor {
  const axes = weight.shape.length - 2;
  const ones = new Array<number>(axes).fill(1);
  return apply1(convOp, bias ? [x, weight, bias] : [x, weight], {
    strides: strides ?? ones,
    pads: pads ?? new Array<number>(2 * axes).fill(0),
    dilations: dilations ?? ones,
    group,
  });
}

/** The gradient of a 2-D convolution for its input. Stride 1: a convolution with the kernel flipped; else ConvTranspose. */
export function convInputGradient(dy: Tensor, weight: Tensor, shape: readonly number[], attrs: ConvAttrs): Tensor {
  const { strides, pads, dilations, group } = attrs;
  const kernel = weight.shape.slice(2);
  const back = [0, 1, 2, 3].map((i) => dilations[i % 2] * (kernel[i % 2] - 1) - pads[i]);
  if (strides.every((s) => s === 1) && back.every((p) => p >= 0)) {
    const turned = kernel.every((k) => k === 1) ? weight : flip(weight, [2, 3]);
    return conv(dy, swapChannels(turned, group), { pads: back, dilations, group });
  }
  const outputPadding = kernel.map((k, i) => reach(shape[i + 2], k, attrs, i).rest);
  return convTranspose(dy, weight, { strides, pads, dilations, group, outputPadding });
}

// [g * o, c, kh, kw] -> [g * c, o, kh, kw]
function swapChannels(weight: Tensor, group: number): Tensor {
  const [o, c, kh, kw] = weight.shape;
  if (group === 1) return transpose(weight, [1, 0, 2, 3]);
  const grouped = transpose(reshape(weight, [group, o / group, c, kh, kw]), [0, 2, 1, 3, 4]);
  return reshape(grouped, [group * c, o / group, kh, kw]);
}

/** The gradient of a 2-D convolution for its kernel: one matrix product (1 x 1) or one convolution over batch and places. */
export function convWeightGradient(x: Tensor, dy: Tensor, shape: readonly number[], attrs: ConvAttrs): Tensor {
  const { strides, pads, dilations, group } = attrs;
  const [o, c, kh, kw] = shape;
  const [b, , ho, wo] = dy.shape;
  const plain = kh === 1 && kw === 1 && strides.every((s) => s === 1) && pads.every((p) => p === 0) && group === 1;
  if (plain) {
    const product = matMul(reshape(dy, [b, o, ho * wo]), swapLast(reshape(x, [b, c, ho * wo]))); // [b, o, c]
    return reshape(b === 1 ? product : reduceSum(product, { axes: [0] }), shape);
  }
  // Rows and columns that no output sees are cropped, from the padding first.
  const rest = [0, 1].map((i) => reach(x.shape[i + 2], shape[i + 2], attrs, i).rest);
  const over = [0, 1].map((i) => Math.max(0, rest[i] - pads[i + 2]));
  const seen = slice(x, { axes: [2, 3], starts: [0, 0], ends: [x.shape[2] - over[0], x.shape[3] - over[1]] });
  const ends = [0, 1].map((i) => pads[i + 2] - (rest[i] - over[i]));
  const [h, w] = seen.shape.slice(2);
  const kernel = transpose(dy, [1, 0, 2, 3]); // [o, b, ho, wo]
  if (group === 1) {
    const volume = conv(reshape(seen, [1, b, c, h, w]), reshape(kernel, [o, b, 1, ho, wo]), {
      strides: [1, ...dilations],
      dilations: [1, ...strides],
      pads: [0, pads[0], pads[1], 0, ...ends],
    });
    return reshape(volume, shape);
  }
  // Channel i of every group is a picture of the batch; a group's kernels read its b planes.
  const planes = transpose(reshape(seen, [b, group, c, h, w]), [2, 1, 0, 3, 4]);
  const sums = conv(reshape(planes, [c, group * b, h, w]), kernel, {
    strides: dilations,
    dilations: strides,
    pads: [pads[0], pads[1], ...ends],
    group,
  });
  return transpose(sums, [1, 0, 2, 3]);
}

export interface ConvTransposeAttrs extends ConvAttrs {
  readonly outputPadding: readonly number[];
}

const convTransposeOp: Op = {
  name: "ConvTranspose",
  infer: (inputs, attrs) => {
    const [x, weight] = inputs;
    const { strides, pads, dilations, group, outputPadding } = attrs as unknown as ConvTransposeAttrs;
    if (x.shape[1] !== weight.shape[0]) {
      throw new ShapeError(
        "ConvTranspose",
        inputs,
        `input has ${x.shape[1]} channels, weight expects ${weight.shape[0]}`,
      );
    }
    const spatial = x.shape
      .slice(2)
      .map(
        (n, i) =>
          (n - 1) * strides[i] -
          pads[i] -
          pads[i + 2] +
          dilations[i] * (weight.shape[i + 2] - 1) +
          1 +
          outputPadding[i],
      );
    return [{ dtype: x.dtype, shape: [x.shape[0], weight.shape[1] * group, ...spatial] }];
  },
  // It is a convolution's input gradient, so its own gradients are that convolution and its kernel gradient.
  vjp: ([dy], { inputs: [x, weight, bias], attrs }) => {
    if (!dy) return [undefined, undefined, undefined];
    const a = attrs as unknown as ConvTransposeAttrs;
    const { strides, pads, dilations, group } = a;
    return [
      conv(dy, weight, { strides, pads, dilations, group }),
      convWeightGradient(dy, x, weight.shape, a),
      bias && reduceSum(dy, { axes: [0, 2, 3] }),
    ];
  },
  onnx: ({ inputs: [, weight], attrs }) => ({
    type: "ConvTranspose",
    attributes: { ...convAttributes(attrs), output_padding: attrs.outputPadding, kernel_shape: weight.shape.slice(2) },
  }),
};

export type ConvTransposeOptions = Partial<ConvTransposeAttrs> & { readonly bias?: Tensor };

/** Transposed convolution [b, c, h, w] * [c, o / group, kh, kw] -> [b, o, h', w']. */
export function convTranspose(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const {
    strides = [1, 1],
    pads = [0, 0, 0, 0],
    dilations = [1, 1],
    group = 1,
    outputPadding = [0, 0],
    bias,
  } = options;
  const inputs = bias ? [x, weight, bias] : [x, weight];
  return apply1(convTransposeOp, inputs, { strides, pads, dilations, group, outputPadding });
}

export { convOp, convTransposeOp };
