import { type DType, hostArray } from "../host.js";
import { apply, apply1 } from "../op.js";
import * as ops from "../ops/index.js";
import { constant, type Tensor } from "../tensor.js";
import type { OnnxAttribute } from "./read.js";
import type { OnnxTensor } from "./tensors.js";
import { dtypeOf } from "./types.js";

type Attributes = ReadonlyMap<string, OnnxAttribute>;

/** Traces one node of an ONNX file: its inputs (undefined: left out) and attributes to its outputs. */
export type Importer = (inputs: readonly (Tensor | undefined)[], attributes: Attributes) => Tensor | readonly Tensor[];

/** Our operators by the names that ONNX gives them: those that `toOnnx` writes, and a few more that stand for them. */
export const importers: Readonly<Record<string, Importer | undefined>> = Object.assign(Object.create(null), {
  ...fixed(1, {
    Abs: ops.abs,
    Atan: ops.atan,
    Erf: ops.erf,
    Exp: ops.exp,
    Floor: ops.floor,
    Identity: (x) => x,
    IsNaN: ops.isNan,
    Log: ops.log,
    Neg: ops.neg,
    Not: ops.not,
    Reciprocal: ops.reciprocal,
    Relu: ops.relu,
    Sigmoid: ops.sigmoid,
    Sign: ops.sign,
    Softplus: ops.softplus,
    Sqrt: ops.sqrt,
    Tanh: ops.tanh,
  }),
  ...fixed(2, {
    Add: ops.add,
    And: ops.and,
    Div: ops.div,
    Equal: ops.equal,
    GatherND: ops.gatherNd,
    Greater: ops.greater,
    GreaterOrEqual: ops.greaterOrEqual,
    Less: ops.less,
    MatMul: ops.matMul,
    Max: ops.max,
    Min: ops.min,
    Mul: ops.mul,
    Sub: ops.sub,
  }),
  ...fixed(3, { Where: ops.where }),
  ReduceMax: reduction(ops.reduceMax),
  ReduceMean: reduction(ops.reduceMean),
  ReduceSum: reduction(ops.reduceSum),
  ReduceSumSquare: reduction(ops.reduceSumSquare),

  Cast: ([x], a) => ops.cast(need(x), castType(a)),
  Constant: (_, a) => constantOf(a),
  LeakyRelu: ([x], a) => ops.leakyRelu(need(x), number(a, "alpha", 0.01)),
  Pow: ([x, p]) => ops.pow(need(x), theNumber(p)),
  Softmax: ([x], a) => {
    const axis = number(a, "axis", -1);
    if (axis !== -1 && axis !== need(x).shape.length - 1) throw new Error("a softmax over another axis than the last");
    return ops.softmax(need(x));
  },
  LayerNormalization: ([x, weight, bias], a) => {
    const axis = number(a, "axis", -1);
    if (axis !== -1 && axis !== need(x).shape.length - 1)
      throw new Error("a normalisation over more than the last axis");
    return apply(ops.layerNormOp, [need(x), need(weight), need(bias)], { epsilon: number(a, "epsilon", 1e-5) });
  },

  QuantizeLinear: ([x, scale, zero], a) =>
    ops.quantizeLinear(need(x), levels("uint8", scale, zero), number(a, "axis", 1)),
  DequantizeLinear: ([x, scale, zero], a) =>
    ops.dequantizeLinear(need(x), levels(need(x).dtype, scale, zero), number(a, "axis", 1)),

  Gemm: ([a, b, c], attributes) => {
    const [alpha, beta] = [number(attributes, "alpha", 1), number(attributes, "beta", 1)];
    if (alpha !== 1 || beta !== 1) throw new Error(`alpha ${alpha} and beta ${beta}; only 1 is taken in`);
    const [transA, transB] = [flag(attributes, "transA"), flag(attributes, "transB")];
    return ops.gemm(need(a), need(b), { transA, transB, bias: c });
  },
  Conv: ([x, weight, bias], a) => ops.conv(need(x), need(weight), { ...convolution(a, need(weight)), bias }),
  ConvTranspose: ([x, weight, bias], a) => {
    const options = convolution(a, need(weight));
    return ops.convTranspose(need(x), need(weight), { ...options, outputPadding: numbers(a, "output_padding"), bias });
  },
  MaxPool: ([x], a) => ops.maxPool(need(x), numbers(a, "kernel_shape") ?? [], pooling(a)),
  AveragePool: ([x], a) => {
    const options = { ...pooling(a), dilations: [1, 1] };
    if (options.ceilMode || options.pads.some((p) => p !== 0)) throw new Error("padded averages");
    return apply1(ops.averagePoolOp, [need(x)], { kernel: numbers(a, "kernel_shape"), ...options });
  },
  Resize: ([x, , scales], a) => {
    const [b, c, h, w] = list(scales);
    const nearest = a.get("mode") === "nearest" && a.get("coordinate_transformation_mode") === "asymmetric";
    if (!nearest || b !== 1 || c !== 1 || h !== w || !Number.isInteger(h)) {
      throw new Error("a resizing that is not nearest, asymmetric and by one whole number");
    }
    return ops.upsampleNearest(need(x), h);
  },

  Reshape: ([x, shape]) => {
    const sizes = list(shape).map((size, i) => (size === 0 ? need(x).shape[i] : size));
    return ops.reshape(need(x), sizes);
  },
  Transpose: ([x], a) =>
    ops.transpose(
      need(x),
      numbers(a, "perm") ??
        need(x)
          .shape.map((_, i) => i)
          .reverse(),
    ),
  Expand: ([x, shape]) => ops.expandTo(need(x), ops.broadcast(need(x).shape, list(shape))),
  Slice: ([x, starts, ends, axes, steps]) => {
    const from = list(starts);
    const at = axes ? list(axes) : from.map((_, i) => i);
    const by = steps ? list(steps) : from.map(() => 1);
    const size = (i: number) => need(x).shape[at[i] < 0 ? at[i] + need(x).shape.length : at[i]];
    // Going backwards, an end before the first element is -1 with us.
    const to = list(ends).map((end, i) => (by[i] > 0 ? end : end >= 0 ? end : Math.max(end + size(i), -1)));
    return ops.slice(need(x), { axes: at, starts: from, ends: to, steps: by });
  },
  Pad: ([x, pads, value], a) => {
    if ((a.get("mode") ?? "constant") !== "constant") throw new Error(`padding by ${a.get("mode")}`);
    const around = list(pads);
    const rank = need(x).shape.length;
    const pairs = need(x).shape.map((_, i): [number, number] => [around[i], around[i + rank]]);
    return ops.pad(need(x), pairs, value ? theNumber(value) : 0);
  },
  Concat: (xs, a) => ops.concat(xs.map(need), number(a, "axis", 0)),
  Split: ([x, sizes], a) => ops.split(need(x), list(sizes), number(a, "axis", 0)),
  Gather: ([x, index], a) => ops.gather(need(x), need(index), number(a, "axis", 0)),
  ScatterElements: ([x, index, updates], a) => {
    const [axis, reduction] = [number(a, "axis", 0), a.get("reduction") ?? "none"];
    if (axis !== 0 || (reduction !== "add" && reduction !== "none"))
      throw new Error(`scattering along ${axis}, ${reduction}`);
    return (reduction === "add" ? ops.scatterAdd : ops.scatter)(need(x), need(index), need(updates));
  },
  NonMaxSuppression: ([boxes, scores, most, iou, score], a) => {
    if (number(a, "center_point_box", 0) !== 1) throw new Error("boxes by their corners");
    const options = { most: theNumber(most), iou: theNumber(iou), score: theNumber(score) };
    return ops.selectBoxes(need(boxes), need(scores), options);
  },
} satisfies Record<string, Importer>);

function fixed(
  count: 1 | 2 | 3,
  table: Readonly<Record<string, (...xs: Tensor[]) => Tensor>>,
): Record<string, Importer> {
  const importer =
    (make: (...xs: Tensor[]) => Tensor): Importer =>
    (inputs) => {
      if (inputs.length !== count) throw new Error(`${inputs.length} inputs, ${count} expected`);
      return make(...inputs.map(need));
    };
  return Object.fromEntries(Object.entries(table).map(([name, make]) => [name, importer(make)]));
}

// The axes are an attribute or, from some version of each operator on, an input.
function reduction(make: (x: Tensor, options: ops.ReduceOptions) => Tensor): Importer {
  return ([x, input], a) => {
    const axes = input ? list(input) : numbers(a, "axes");
    return make(need(x), { axes, keepDims: number(a, "keepdims", 1) === 1 });
  };
}

function need(x: Tensor | undefined): Tensor {
  if (!x) throw new Error("an input is missing");
  return x;
}

/** The numbers of an input that must be a constant. */
function list(x: Tensor | undefined): number[] {
  const { value } = need(x);
  if (!value) throw new Error("an input that decides the shape is no constant");
  return Array.from(value.data as ArrayLike<number | bigint>, Number);
}

// A zero level that is left out is 0.
function levels(dtype: DType, scale: Tensor | undefined, zero: Tensor | undefined): ops.Levels {
  const { shape } = need(scale);
  return { scale: need(scale), zero: zero ?? constant(hostArray(dtype, shape)) };
}

function theNumber(x: Tensor | undefined): number {
  const [value, ...rest] = list(x);
  if (value === undefined || rest.length > 0) throw new Error("one number expected");
  return value;
}

function number(a: Attributes, key: string, otherwise: number): number {
  const value = a.get(key);
  if (value !== undefined && typeof value !== "number") throw new Error(`${key} is no number`);
  return value ?? otherwise;
}

const flag = (a: Attributes, key: string): boolean => number(a, key, 0) !== 0;

function numbers(a: Attributes, key: string): number[] | undefined {
  const value = a.get(key);
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.some((item) => typeof item !== "number"))
    throw new Error(`${key} is no list of numbers`);
  return value as number[];
}

function castType(a: Attributes): DType {
  const dtype = dtypeOf(number(a, "to", 0));
  if (!dtype) throw new Error(`a cast to type number ${a.get("to")}`);
  return dtype;
}

function constantOf(a: Attributes): Tensor {
  const value = a.get("value");
  if (typeof value !== "object" || Array.isArray(value)) throw new Error("a constant that is no tensor");
  return constant((value as OnnxTensor).read());
}

function convolution(a: Attributes, weight: Tensor) {
  checkAutoPad(a);
  const kernel = numbers(a, "kernel_shape");
  if (kernel?.some((size, i) => size !== weight.shape[i + 2])) throw new Error("kernel_shape is not the kernel's");
  return {
    strides: numbers(a, "strides"),
    pads: numbers(a, "pads"),
    dilations: numbers(a, "dilations"),
    group: number(a, "group", 1),
  };
}

function pooling(a: Attributes) {
  checkAutoPad(a);
  return {
    strides: numbers(a, "strides") ?? [1, 1],
    pads: numbers(a, "pads") ?? [0, 0, 0, 0],
    dilations: numbers(a, "dilations") ?? [1, 1],
    ceilMode: flag(a, "ceil_mode"),
  };
}

function checkAutoPad(a: Attributes): void {
  if ((a.get("auto_pad") ?? "NOTSET") !== "NOTSET") throw new Error(`auto_pad ${a.get("auto_pad")}; pads expected`);
}
