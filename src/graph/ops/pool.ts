import { apply1, type Op } from "../op.js";
import { floats, scalar, type Tensor } from "../tensor.js";
import { add, and, cast, equal, mul, not } from "./elementwise.js";
import { matMul } from "./matrix.js";
import { pad, slice } from "./shape.js";

export interface PoolAttrs {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** top, left, bottom, right */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly ceilMode: boolean;
}

function poolSize(size: number, i: number, { kernel, strides, pads, dilations, ceilMode }: PoolAttrs): number {
  const free = size + pads[i] + pads[i + 2] - dilations[i] * (kernel[i] - 1) - 1;
  const out = (ceilMode ? Math.ceil(free / strides[i]) : Math.floor(free / strides[i])) + 1;
  // A window may not start in the padding at the end.
  return ceilMode && (out - 1) * strides[i] >= size + pads[i] ? out - 1 : out;
}

const maxPoolOp: Op = {
  name: "MaxPool",
  infer: ([x], attrs) => [
    {
      dtype: x.dtype,
      shape: [x.shape[0], x.shape[1], ...[0, 1].map((i) => poolSize(x.shape[i + 2], i, attrs as never))],
    },
  ],
  vjp: ([dy], { inputs: [x], attrs }) => [dy && maxPoolGradient(dy, x, attrs as unknown as PoolAttrs)],
  onnx: ({ attrs: { kernel, strides, pads, dilations, ceilMode } }) => ({
    type: "MaxPool",
    attributes: { kernel_shape: kernel, strides, pads, dilations, ceil_mode: ceilMode ? 1 : 0 },
  }),
};

export type PoolOptions = Partial<Omit<PoolAttrs, "kernel">>;

/** The largest value of every window; padding counts as minus infinity. */
export function maxPool(x: Tensor, kernel: readonly number[], options: PoolOptions = {}): Tensor {
  const { strides = kernel, pads = [0, 0, 0, 0], dilations = [1, 1], ceilMode = false } = options;
  return apply1(maxPoolOp, [x], { kernel, strides, pads, dilations, ceilMode });
}

// The gradient goes to the first largest value in row order: the first row whose maximum is the window's, then the first
// column in it. So the window's columns are pooled first, then its rows, and the gradient walks back.
function maxPoolGradient(dy: Tensor, x: Tensor, a: PoolAttrs): Tensor {
  const only = (axis: number): PoolAttrs => {
    const pick = (list: readonly number[], neutral: number) => list.map((v, i) => (i % 2 === axis ? v : neutral));
    return {
      kernel: pick(a.kernel, 1),
      strides: pick(a.strides, 1),
      pads: pick(a.pads, 0),
      dilations: pick(a.dilations, 1),
      ceilMode: a.ceilMode,
    };
  };
  const [rows, columns] = [only(0), only(1)];
  const wide = maxPool(x, columns.kernel, columns);
  const y = maxPool(wide, rows.kernel, rows);
  return lineGradient(lineGradient(dy, wide, y, 0, rows), x, wide, 1, columns);
}

// The gradient of a pool along one axis (0 rows, 1 columns): dy where x is the first to equal y.
function lineGradient(
  dy: Tensor,
  x: Tensor,
  y: Tensor,
  axis: 0 | 1,
  { kernel, strides, pads, dilations }: PoolAttrs,
): Tensor {
  const at = axis + 2;
  const [k, stride, dilation, before] = [kernel[axis], strides[axis], dilations[axis], pads[axis]];
  const n = y.shape[at];
  const size = x.shape[at];
  const length = Math.max(before + size, (n - 1) * stride + dilation * (k - 1) + 1);
  const edges = x.shape.map((_, i): [number, number] => (i === at ? [before, length - before - size] : [0, 0]));
  const padded = pad(x, edges, Number.NEGATIVE_INFINITY);
  let free: Tensor | undefined;
  let sum: Tensor | undefined;
  for (let j = 0; j < k; j++) {
    const start = j * dilation;
    const window = { axes: [at], starts: [start], ends: [start + (n - 1) * stride + 1], steps: [stride] };
    const same = equal(slice(padded, window), y);
    const take: Tensor = free ? and(same, free) : same;
    free = free ? and(free, not(same)) : not(same);
    const part = spread(mul(dy, cast(take, "float32")), at, { start, stride, length });
    sum = sum ? add(sum, part) : part;
  }
  return slice(sum!, { axes: [at], starts: [before], ends: [before + size] });
}

// The elements of x at start, start + stride, ... of an axis of `length`, zeros elsewhere.
function spread(
  x: Tensor,
  axis: number,
  { start, stride, length }: { start: number; stride: number; length: number },
): Tensor {
  const n = x.shape[axis];
  const around = (before: number, after: number) =>
    x.shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0]));
  if (stride === 1) return pad(x, around(start, length - start - n));
  // Zeros between elements: a product with a constant 0/1 matrix along the axis.
  const places = new Float32Array(n * length);
  for (let i = 0; i < n; i++) places[i * length + start + i * stride] = 1;
  return alongAxis(x, axis, floats(places, [n, length]));
}

/** x with an axis of n replaced by one of m, through a constant [n, m] matrix; the axis must be one of the last two. */
export function alongAxis(x: Tensor, axis: number, matrix: Tensor): Tensor {
  if (axis === x.shape.length - 1) return matMul(x, matrix);
  const [n, m] = matrix.shape;
  const turned = new Float32Array(n * m);
  const data = matrix.value!.data as Float32Array;
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) turned[j * n + i] = data[i * m + j];
  return matMul(floats(turned, [m, n]), x);
}

const averagePoolOp: Op = {
  name: "AveragePool",
  infer: maxPoolOp.infer,
  onnx: ({ attrs: { kernel, strides, pads } }) => ({
    type: "AveragePool",
    attributes: { kernel_shape: kernel, strides, pads },
  }),
};

const upsampleOp: Op = {
  name: "Resize",
  infer: ([x], { scale }) => [
    { dtype: x.dtype, shape: [x.shape[0], x.shape[1], x.shape[2] * (scale as number), x.shape[3] * (scale as number)] },
  ],
  // dx: the sum over each scale x scale block
  vjp: ([dy], { attrs: { scale } }) => {
    const s = scale as number;
    const attrs = { kernel: [s, s], strides: [s, s], pads: [0, 0, 0, 0], dilations: [1, 1], ceilMode: false };
    return [dy && mul(apply1(averagePoolOp, [dy], attrs), scalar(s * s))];
  },
  onnx: ({ inputs: [x], attrs: { scale } }) => ({
    type: "Resize",
    attributes: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
    inputs: [x, undefined, floats([1, 1, scale as number, scale as number])],
  }),
};

/** Every pixel repeated scale x scale times. */
export const upsampleNearest = (x: Tensor, scale: number): Tensor =>
  scale === 1 ? x : apply1(upsampleOp, [x], { scale });

/** Nearest resizing to any size: source index floor(i * in / out). */
export const resizeNearest = (x: Tensor, [h, w]: readonly [number, number]): Tensor =>
  resizeBy(x, [h, w], (i, size, out) => [[Math.min(Math.floor((i * size) / out), size - 1), 1]]);

/** Bilinear resizing; pixel centres at half integers, or corners on corners with `alignCorners`; clamped at the border. */
export const resizeBilinear = (x: Tensor, [h, w]: readonly [number, number], alignCorners = false): Tensor =>
  resizeBy(x, [h, w], (i, size, out) => {
    const at = alignCorners
      ? out > 1
        ? (i * (size - 1)) / (out - 1)
        : 0
      : Math.max(0, ((i + 0.5) * size) / out - 0.5);
    const low = Math.min(Math.floor(at), size - 1);
    const high = Math.min(low + 1, size - 1);
    return [
      [low, 1 - (at - low)],
      [high, at - low],
    ];
  });

type Taps = (i: number, size: number, out: number) => [index: number, weight: number][];

// Interpolation is linear in x, so it is two products with constant matrices, and so is its gradient.
function resizeBy(x: Tensor, sizes: readonly [number, number], taps: Taps): Tensor {
  let y = x;
  for (const axis of [0, 1]) {
    const [size, out] = [x.shape[axis + 2], sizes[axis]];
    const matrix = new Float32Array(size * out);
    for (let i = 0; i < out; i++) for (const [index, weight] of taps(i, size, out)) matrix[index * out + i] += weight;
    y = alongAxis(y, axis + 2, floats(matrix, [size, out]));
  }
  return y;
}

export { averagePoolOp, maxPoolOp, upsampleOp };
