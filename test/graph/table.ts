import {
  abs,
  add,
  affine,
  again,
  atan,
  batchNorm,
  boundary,
  cast,
  checkpoint,
  clamp,
  concat,
  conv,
  convTranspose,
  div,
  divisible,
  dotRows,
  erf,
  exp,
  expandTo,
  flip,
  floor,
  gather,
  gelu,
  gemm,
  greater,
  hardSwish,
  ints,
  laterRead,
  layerNorm,
  leakyRelu,
  linear,
  log,
  matMul,
  max,
  maxPool,
  min,
  mish,
  mul,
  neg,
  pad,
  pow,
  reciprocal,
  reduceMax,
  reduceMean,
  reduceSum,
  reduceSumSquare,
  relu,
  reshape,
  resizeBilinear,
  resizeNearest,
  scalar,
  sigmoid,
  sign,
  silu,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  square,
  stopGradient,
  sub,
  type Tensor,
  takeRows,
  tanh,
  transpose,
  upsampleNearest,
  where,
} from "swinyolo/graph";
import { type Case, specOf } from "./numeric.js";

type Row = readonly [name: string, inputs: string, f: (...xs: Tensor[]) => Tensor];

// One row a shape: name, shapes of the inputs (+ positive numbers, 1= all ones), function.
const rows: Row[] = [
  ...both("Neg", neg),
  ...both("Exp", exp),
  ...both("Log", log, true),
  ...both("Sqrt", sqrt, true),
  ...both("Reciprocal", reciprocal, true),
  ...both("Abs", abs),
  ...both("Sign", sign),
  ...both("Floor", floor),
  ...both("Sigmoid", sigmoid),
  ...both("Tanh", tanh),
  ...both("Relu", relu),
  ...both("LeakyRelu", (x) => leakyRelu(x, 0.1)),
  ...both("Softplus", softplus),
  ...both("Erf", erf),
  ...both("Atan", atan),
  ...both("SiLU", silu),
  ...both("gelu", gelu),
  ...both("hardSwish", (x) => hardSwish(mul(x, scalar(3)))),
  ...both("mish", mish),
  ...both("square", square),
  ...both("clamp", (x) => clamp(x, -0.4, 0.3)),
  ...both("Pow 3", (x) => pow(x, 3)),
  ...both("Pow -0.5", (x) => pow(x, -0.5), true),
  ...both("Cast", (x) => cast(mul(cast(x, "float64"), scalar(3, "float64")), "float32")),
  ["StopGradient", "4 4", (a, b) => mul(a, stopGradient(sub(b, b)))],
  ["StopGradient of a constant part", "2x3", (x) => add(x, stopGradient(sign(x)))],

  ...broadcasts("Add", add),
  ...broadcasts("Sub", sub),
  ...broadcasts("Mul", mul),
  ...broadcasts("Div", (a, b) => div(a, add(square(b), scalar(1)))),
  ...broadcasts("Max", max),
  ...broadcasts("Min", min),
  ["Max, all equal", "1=2x3 1=2x3", max],
  ["Min, all equal", "1=2x3 1=3", min],
  ["Where", "2x3 2x3", (a, b) => where(greater(a, scalar(0)), a, square(b))],
  ["Where, all three stretched", "2x1x3 4x1 1", (a, b, c) => where(greater(a, scalar(0)), b, c)],

  ["ReduceSum all", "2x3", (x) => reduceSum(square(x))],
  ["ReduceSum one, kept", "2x3x4", (x) => reduceSum(square(x), { axes: [1], keepDims: true })],
  ["ReduceSum two", "2x3x4", (x) => reduceSum(square(x), { axes: [0, -1] })],
  ["ReduceSumSquare all", "2x3", (x) => reduceSumSquare(x)],
  ["ReduceSumSquare last, kept", "2x3x4", (x) => reduceSumSquare(x, { axes: [-1], keepDims: true })],
  ["ReduceMean all", "5", (x) => reduceMean(square(x))],
  ["ReduceMean two, kept", "2x3x4", (x) => reduceMean(square(x), { axes: [2, 0], keepDims: true })],
  ["ReduceMax last", "2x3x4", (x) => reduceMax(x, { axes: [-1] })],
  ["ReduceMax all", "6", (x) => reduceMax(x)],
  ["ReduceMax, two equal", "1=2", (x) => reduceMax(x, { axes: [0], keepDims: true })],

  ["Softmax", "2x3", softmax],
  ["Softmax 4 axes", "1x2x2x5", softmax],
  ["Softmax of one", "3x1", softmax],
  ["LayerNormalization", "2x6 6 6", (x, w, b) => layerNorm(x, w, b)],
  ["LayerNormalization 3 axes", "2x3x4 4 4", (x, w, b) => layerNorm(x, w, b, { epsilon: 0.1 })],
  ["BatchNorm, batch 1", "1x2x3x3 2 2", normalise],
  ["BatchNorm, batch 3", "3x2x2x1 2 2", normalise],
  ["BatchNorm of rows", "4x3 3 3", normalise],
  ["affine", "2x3x2x2 3 3", affine],

  ["MatMul", "2x3 3x4", (a, b) => matMul(a, b)],
  ["MatMul, batches stretched", "2x1x3x2 4x2x1", (a, b) => matMul(a, b)],
  ["MatMul, one batch missing", "3x2x2 2x3", (a, b) => matMul(a, b)],
  ...[false, true].flatMap((transA) =>
    [false, true].map(
      (transB): Row => [
        `Gemm transA ${transA} transB ${transB}`,
        `${transA ? "3x2" : "2x3"} ${transB ? "4x3" : "3x4"} 4`,
        (a, b, bias) => gemm(a, b, { transA, transB, bias }),
      ],
    ),
  ),
  ["Gemm without bias", "1x3 3x1", (a, b) => gemm(a, b)],
  ["linear", "2x2x3 4x3 4", (x, w, bias) => linear(x, w, { bias })],
  ["dotRows", "2x3x4 2x3x4", (a, b) => dotRows(a, b)],

  ["Reshape", "2x6", (x) => square(reshape(x, [3, -1]))],
  ["Reshape of Reshape", "2x6", (x) => reshape(reshape(square(x), [3, 4]), [12])],
  ["Again", "2x3 3x2", (x, y) => square(again((a, b) => exp(matMul(a, b)), [x, y]))],
  ["Divisible", "2x3 3x2", (x, y) => square(divisible([x, y], { body: matMul, axes: [0, 1], into: 0 }))],
  ["Boundary", "4", (x) => square(boundary(x))],
  ["LaterRead", "4", (x) => square(laterRead(x, scalar(1)))],
  ["Boundary of a block", "2x3", (x) => checkpoint(square, x)],
  ["Transpose", "2x3x4", (x) => transpose(x, [2, 0, 1])],
  ["Transpose matrix", "2x3", (x) => transpose(square(x), [1, 0])],
  ["Expand", "1x3x1", (x) => expandTo(square(x), [2, 3, 4])],
  ["Expand, new axes", "3", (x) => expandTo(x, [2, 1, 3])],
  ["Slice", "5x4", (x) => slice(x, { axes: [0, 1], starts: [1, 0], ends: [4, 3] })],
  ["Slice from the end", "5x4", (x) => slice(x, { axes: [-1], starts: [-3], ends: [-1] })],
  ["Slice, steps with a rest", "7x5", (x) => slice(x, { axes: [0, 1], starts: [1, 0], ends: [7, 5], steps: [3, 2] })],
  ["Slice backwards", "5x2", (x) => slice(x, { axes: [0], starts: [3], ends: [0], steps: [-1] })],
  ["flip", "2x3x2", (x) => flip(x, [1, 2])],
  [
    "Pad",
    "2x3",
    (x) =>
      pad(
        square(x),
        [
          [1, 0],
          [2, 3],
        ],
        7,
      ),
  ],
  [
    "Pad 4 axes",
    "1x2x2x2",
    (x) =>
      pad(x, [
        [0, 0],
        [0, 0],
        [1, 2],
        [0, 1],
      ]),
  ],
  ["Concat", "2x3 1x3", (a, b) => concat([a, square(b)], 0)],
  ["Concat of one twice", "2x3", (a) => concat([a, a, square(a)], -1)],
  [
    "Concat of nine",
    "2x3",
    (a) =>
      concat(
        Array.from({ length: 9 }, (_, i) => mul(a, scalar(i))),
        1,
      ),
  ],
  ["Split", "2x6", (x) => sum(split(x, [1, 3, 2], 1).map((part, i) => mul(reduceSum(part), scalar(i + 1))))],
  ["Split, a part unused", "5x2", (x) => square(split(x, [2, 3], 0)[1])],
  ["chunk of rows", "4x3", (x) => mul(split(x, [2, 2], 0)[0], split(x, [2, 2], 0)[1])],

  ["Gather rows, repeated", "4x3", (x) => square(gather(x, ints([2, 0, 2, 2])))],
  ["Gather with a table of indices", "3", (x) => gather(x, ints([0, 1, 2, 0, 0, 2], [2, 3]))],
  ["Gather along the last axis", "2x4", (x) => gather(x, ints([3, 1, 3]), -1)],
  ["Gather by one index", "3x2", (x) => gather(x, ints([1], []), 0)],
  [
    "Gather from a long table (ScatterElements)",
    "3x2",
    (x) => gather(concat([x, expandTo(scalar(0), [1100, 2])], 0), ints([1, 1102, 2, 1]), 0),
  ],
  ["GatherRows", "4x2", (x) => takeRows(x, [3, 1, 0, 2], { inverse: [2, 1, 3, 0] })],
  ["GatherRows, axis 1", "2x3x2", (x) => square(takeRows(x, [2, 0], { inverse: [1, 2, 0], axis: 1 }))],
  ["GatherRows, a row left out", "4x2", (x) => square(takeRows(x, [3, 1, 0], { inverse: [2, 1, 3, 0] }))],
  // Row 3 is padding: taken twice, and its gradient does not matter.
  [
    "GatherRows with padding",
    "3x2",
    (x) => takeRows(concat([square(x), expandTo(scalar(0), [1, 2])], 0), [2, 0, 3, 1, 3], { inverse: [1, 3, 0, 2] }),
  ],

  ["Conv", "2x3x5x5 4x3x3x3 4", (x, w, bias) => conv(x, w, { bias })],
  ["Conv, pads", "1x2x4x5 3x2x3x3", (x, w) => conv(x, w, { pads: [1, 1, 1, 1] })],
  ["Conv, uneven pads and kernel", "1x2x4x4 2x2x2x3", (x, w) => conv(x, w, { pads: [0, 2, 1, 1] })],
  ["Conv, pads beyond the kernel", "1x1x3x3 2x1x2x2", (x, w) => conv(x, w, { pads: [2, 2, 2, 2] })],
  ["Conv, stride 2", "2x2x6x6 2x2x3x3", (x, w) => conv(x, w, { strides: [2, 2], pads: [1, 1, 1, 1] })],
  ["Conv, stride 2, rest", "1x2x7x6 2x2x2x3", (x, w) => conv(x, w, { strides: [2, 2] })],
  ["Conv, stride 3, large rest", "1x1x9x8 2x1x2x2", (x, w) => conv(x, w, { strides: [3, 3] })],
  [
    "Conv, stride 3, rest in the pads",
    "1x1x6x6 1x1x3x3",
    (x, w) => conv(x, w, { strides: [3, 3], pads: [1, 1, 1, 1] }),
  ],
  ["Conv 6x6, stride 2, pad 2", "1x3x8x8 2x3x6x6", (x, w) => conv(x, w, { strides: [2, 2], pads: [2, 2, 2, 2] })],
  ["Conv, dilation 2", "1x2x7x7 2x2x3x3", (x, w) => conv(x, w, { dilations: [2, 2], pads: [2, 2, 2, 2] })],
  [
    "Conv, dilation and stride",
    "2x1x8x7 2x1x3x2",
    (x, w) => conv(x, w, { dilations: [2, 3], strides: [2, 1], pads: [1, 0, 2, 1] }),
  ],
  ["Conv 1x1", "2x3x2x2 4x3x1x1 4", (x, w, bias) => conv(x, w, { bias })],
  ["Conv 1x1, batch 1", "1x3x3x2 2x3x1x1", (a, b) => conv(a, b)],
  ["Conv 1x1, stride 2", "2x2x5x5 3x2x1x1", (x, w) => conv(x, w, { strides: [2, 2] })],
  ["Conv 1x1 with pads", "1x2x2x2 2x2x1x1", (x, w) => conv(x, w, { pads: [1, 1, 1, 1] })],
  ["Conv, 2 groups", "2x4x4x4 6x2x3x3 6", (x, w, bias) => conv(x, w, { group: 2, pads: [1, 1, 1, 1], bias })],
  ["Conv, 2 groups, stride 2, rest", "2x4x6x5 2x2x3x2", (x, w) => conv(x, w, { group: 2, strides: [2, 2] })],
  ["Conv, depthwise", "2x4x4x4 4x1x3x3", (x, w) => conv(x, w, { group: 4, pads: [1, 1, 1, 1] })],
  [
    "Conv, depthwise, dilated, stride 2",
    "1x3x7x7 3x1x3x3",
    (x, w) => conv(x, w, { group: 3, dilations: [2, 2], strides: [2, 2], pads: [2, 2, 2, 2] }),
  ],
  ["Conv 1x1, groups", "2x4x2x2 4x2x1x1", (x, w) => conv(x, w, { group: 2 })],
  ["Conv to one place", "2x2x3x3 2x2x3x3", (a, b) => conv(a, b)],

  ["ConvTranspose", "2x3x3x3 3x2x2x2 2", (x, w, bias) => convTranspose(x, w, { bias })],
  [
    "ConvTranspose, stride 2, pads, output padding",
    "1x2x3x3 2x2x3x3",
    (x, w) => convTranspose(x, w, { strides: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 0] }),
  ],
  ["ConvTranspose, groups, stride 2", "2x4x2x3 4x2x2x2", (x, w) => convTranspose(x, w, { strides: [2, 2], group: 2 })],
  [
    "ConvTranspose, dilation",
    "1x2x3x3 2x1x2x2",
    (x, w) => convTranspose(x, w, { dilations: [2, 2], pads: [1, 0, 0, 1] }),
  ],

  ["MaxPool 2x2", "2x2x4x4", (x) => maxPool(x, [2, 2])],
  ["MaxPool 2x2, rest", "1x2x5x5", (x) => maxPool(x, [2, 2])],
  ["MaxPool 2x2, rest, ceil", "1x2x5x5", (x) => maxPool(x, [2, 2], { ceilMode: true })],
  ["MaxPool 5x5, stride 1, pad 2", "1x2x6x5", (x) => maxPool(x, [5, 5], { strides: [1, 1], pads: [2, 2, 2, 2] })],
  ["MaxPool 3x3, stride 2, pad 1", "2x1x7x6", (x) => maxPool(x, [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] })],
  [
    "MaxPool 3x2, stride 2 1, uneven pads",
    "1x1x6x5",
    (x) => maxPool(x, [3, 2], { strides: [2, 1], pads: [1, 0, 0, 1] }),
  ],
  ["MaxPool dilated", "1x1x7x7", (x) => maxPool(x, [2, 3], { strides: [1, 2], dilations: [3, 2], pads: [0, 1, 0, 1] })],
  [
    "MaxPool larger than the picture, ceil",
    "1x1x3x3",
    (x) => maxPool(x, [2, 2], { strides: [3, 3], pads: [1, 1, 1, 1], ceilMode: true }),
  ],
  ["MaxPool 1x1, stride 2", "1x1x4x4", (x) => maxPool(x, [1, 1], { strides: [2, 2] })],

  ["Resize 2", "2x2x2x3", (x) => upsampleNearest(x, 2)],
  ["Resize 3", "1x1x2x2", (x) => square(upsampleNearest(x, 3))],
  ["resizeNearest", "1x2x3x4", (x) => resizeNearest(x, [5, 3])],
  ["resizeBilinear", "1x2x3x4", (x) => resizeBilinear(x, [6, 3])],
  ["resizeBilinear, corners", "2x1x2x3", (x) => resizeBilinear(x, [5, 5], true)],
];

function both(name: string, f: (x: Tensor) => Tensor, positive = false): Row[] {
  return ["2x3x2", "4"].map((shape) => [`${name} ${shape}`, positive ? `+${shape}` : shape, f]);
}

function broadcasts(name: string, f: (a: Tensor, b: Tensor) => Tensor): Row[] {
  const shapes = ["4 4", "2x3 3", "2x1x3 2x1", "scalar 2x2", "1x3 2x2x1"];
  return shapes.map((shape) => [`${name} ${shape}`, shape, f]);
}

function sum(xs: readonly Tensor[]): Tensor {
  return xs.reduce(add);
}

function normalise(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const running = { mean: expandTo(scalar(0), weight.shape), variance: expandTo(scalar(1), weight.shape) };
  return batchNorm(x, { weight, bias, ...running }, { epsilon: 0.01 });
}

/** Every operator that has a gradient, with several shapes each. */
export const cases: Case[] = rows.map(([name, inputs, f]) => ({ name, inputs: inputs.split(" ").map(specOf), f }));
