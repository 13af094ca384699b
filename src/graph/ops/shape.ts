import { apply, apply1, type Op, ShapeError } from "../op.js";
import { axisOf, floats, ints, type Shape, sameShape, scalar, sizeOf, type Tensor } from "../tensor.js";
import { add, unbroadcast } from "./elementwise.js";

const reshapeOp: Op = {
  name: "Reshape",
  cheap: true,
  infer: (inputs, { shape }) => {
    const [x] = inputs;
    const to = shape as Shape;
    if (sizeOf(x.shape) !== sizeOf(to) || !to.every(Number.isInteger)) {
      throw new ShapeError("Reshape", inputs, `cannot be [${to}]`);
    }
    return [{ dtype: x.dtype, shape: shape as Shape }];
  },
  vjp: ([dy], { inputs: [x] }) => [dy && reshape(dy, x.shape)],
  // `written`: the shape for the file, where one size is -1 because it is free.
  onnx: ({ attrs: { shape, written } }) => ({ type: "Reshape", extra: [(written ?? shape) as number[]] }),
};

/**
 * The same elements in another shape; one size may be -1. `written`: the shape as it goes into a file, for sizes that are
 * known only when the graph runs.
 */
export function reshape(x: Tensor, shape: Shape, { written }: { written?: Shape } = {}): Tensor {
  if (written) return apply1(reshapeOp, [x], { shape, written });
  const free = shape.indexOf(-1);
  const known = shape.reduce((n, d) => (d === -1 ? n : n * d), 1);
  const to = free < 0 ? shape : shape.map((d) => (d === -1 ? sizeOf(x.shape) / known : d));
  if (sameShape(x.shape, to)) return x;
  const source = x.node?.op === reshapeOp ? x.node.inputs[0] : x;
  return sameShape(source.shape, to) ? source : apply1(reshapeOp, [source], { shape: to });
}

const transposeOp: Op = {
  name: "Transpose",
  cheap: true,
  infer: ([x], { perm }) => [{ dtype: x.dtype, shape: (perm as number[]).map((i) => x.shape[i]) }],
  vjp: ([dy], { attrs: { perm } }) => [
    dy &&
      transpose(
        dy,
        (perm as number[]).map((_, i) => (perm as number[]).indexOf(i)),
      ),
  ],
  onnx: ({ attrs: { perm } }) => ({ type: "Transpose", attributes: { perm } }),
};

/** Axes in another order: axis i of the result is axis perm[i] of x. */
export const transpose = (x: Tensor, perm: readonly number[]): Tensor =>
  perm.every((axis, i) => axis === i) ? x : apply1(transposeOp, [x], { perm });

const expandOp: Op = {
  name: "Expand",
  cheap: true,
  infer: ([x], { shape }) => [{ dtype: x.dtype, shape: shape as Shape }],
  vjp: ([dy], { inputs: [x] }) => [dy && unbroadcast(dy, x.shape)],
  onnx: ({ attrs: { shape } }) => ({ type: "Expand", extra: [shape as number[]] }),
};

/** x repeated along its axes of size 1, and along new ones in front. */
export const expandTo = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : apply1(expandOp, [x], { shape });

export interface SliceOptions {
  readonly axes: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** 1 where left out; only -1 may be negative. */
  readonly steps?: readonly number[];
}

const sliceOp: Op = {
  name: "Slice",
  cheap: true,
  infer: ([x], attrs) => {
    const { axes, starts, ends, steps } = attrs as unknown as Required<SliceOptions>;
    const shape = [...x.shape];
    axes.forEach((axis, i) => {
      shape[axis] = Math.max(0, Math.ceil((ends[i] - starts[i]) / steps[i]));
    });
    return [{ dtype: x.dtype, shape }];
  },
  vjp: ([dy], { inputs: [x], attrs }) => {
    if (!dy) return [undefined];
    const { axes, starts, steps } = attrs as unknown as Required<SliceOptions>;
    let dx = dy;
    axes.forEach((axis, i) => {
      dx = unslice(dx, axis, { start: starts[i], step: steps[i], size: x.shape[axis] });
    });
    return [dx];
  },
  onnx: ({ attrs }) => {
    const { axes, starts, ends, steps } = attrs as unknown as Required<SliceOptions>;
    return { type: "Slice", extra: [starts, ends.map((end) => (end < 0 ? -(2 ** 31) : end)), axes, steps] };
  },
};

/** Part of x: from each start (included) to each end (not), as in ONNX but with plain non-negative positions. */
export function slice(x: Tensor, { axes, starts, ends, steps = axes.map(() => 1) }: SliceOptions): Tensor {
  const at = axes.map((axis) => axisOf(axis, x.shape.length));
  const limit = (position: number, axis: number) => (position < 0 ? position + x.shape[axis] : position);
  const from = starts.map((start, i) => limit(start, at[i]));
  const to = ends.map((end, i) => (steps[i] < 0 ? end : Math.min(limit(end, at[i]), x.shape[at[i]])));
  const whole = at.every((axis, i) => from[i] === 0 && steps[i] === 1 && to[i] === x.shape[axis]);
  return whole ? x : apply1(sliceOp, [x], { axes: at, starts: from, ends: to, steps });
}

/** x with the order along `axes` reversed. */
export const flip = (x: Tensor, axes: readonly number[]): Tensor =>
  slice(x, {
    axes,
    starts: axes.map((axis) => x.shape[axis] - 1),
    ends: axes.map(() => -1),
    steps: axes.map(() => -1),
  });

// The elements of dy back in their places along one axis of `size`, zeros between.
function unslice(
  dy: Tensor,
  axis: number,
  { start, step, size }: { start: number; step: number; size: number },
): Tensor {
  if (step < 0)
    return unslice(flip(dy, [axis]), axis, { start: start + step * (dy.shape[axis] - 1), step: -step, size });
  const n = dy.shape[axis];
  let spread = dy;
  let length = n;
  if (step > 1) {
    // [.., n, ..] -> [.., n, 1, ..] padded to [.., n, step, ..] -> [.., n * step, ..]
    const shape = [...dy.shape.slice(0, axis + 1), 1, ...dy.shape.slice(axis + 1)];
    const pads: [number, number][] = shape.map((_, i) => [0, i === axis + 1 ? step - 1 : 0]);
    const joined = [...dy.shape];
    joined[axis] = n * step;
    spread = reshape(pad(reshape(dy, shape), pads), joined);
    length = n * step;
  }
  const after = size - start - length;
  const padded = pad(
    spread,
    dy.shape.map((_, i): [number, number] => (i === axis ? [start, Math.max(after, 0)] : [0, 0])),
  );
  return after < 0 ? slice(padded, { axes: [axis], starts: [0], ends: [size] }) : padded;
}

const padOp: Op = {
  name: "Pad",
  infer: ([x], { pads }) => [
    { dtype: x.dtype, shape: x.shape.map((d, i) => d + (pads as number[][])[i][0] + (pads as number[][])[i][1]) },
  ],
  vjp: ([dy], { inputs: [x], attrs: { pads } }) => [
    dy &&
      slice(dy, {
        axes: x.shape.map((_, i) => i),
        starts: (pads as number[][]).map(([before]) => before),
        ends: x.shape.map((d, i) => (pads as number[][])[i][0] + d),
      }),
  ],
  onnx: ({ inputs: [x], attrs: { pads, value } }) => {
    const list = pads as number[][];
    const order = [...list.map(([before]) => before), ...list.map(([, after]) => after)];
    return {
      type: "Pad",
      attributes: { mode: "constant" },
      inputs: [x, ints(order), scalar(value as number, x.dtype)],
    };
  },
};

/** x with `pads[axis] = [before, after]` elements of `value` around it. */
export const pad = (x: Tensor, pads: readonly (readonly [number, number])[], value = 0): Tensor =>
  pads.every(([before, after]) => before === 0 && after === 0) ? x : apply1(padOp, [x], { pads, value });

const concatOp: Op = {
  name: "Concat",
  infer: (inputs, { axis }) => {
    const a = axis as number;
    const [first] = inputs;
    for (const x of inputs) {
      if (x.shape.length !== first.shape.length || x.shape.some((d, i) => i !== a && d !== first.shape[i])) {
        throw new ShapeError("Concat", inputs, `sizes may differ along axis ${a} only`);
      }
    }
    const shape = [...first.shape];
    shape[a] = inputs.reduce((n, x) => n + x.shape[a], 0);
    return [{ dtype: first.dtype, shape }];
  },
  vjp: ([dy], { inputs, attrs: { axis } }) => {
    const a = axis as number;
    return dy
      ? split(
          dy,
          inputs.map((x) => x.shape[a]),
          a,
        )
      : inputs.map(() => undefined);
  },
  onnx: ({ attrs: { axis } }) => ({ type: "Concat", attributes: { axis } }),
};

// WebGPU binds a handful of buffers a kernel, so long lists are joined in steps.
const most = 7;

/** Tensors one after another along an axis. */
export function concat(xs: readonly Tensor[], axis: number): Tensor {
  if (xs.length === 1) return xs[0];
  const at = axisOf(axis, xs[0].shape.length);
  let parts = xs;
  while (parts.length > most) {
    const next: Tensor[] = [];
    for (let i = 0; i < parts.length; i += most) next.push(concat(parts.slice(i, i + most), at));
    parts = next;
  }
  return apply1(concatOp, parts, { axis: at });
}

const splitOp: Op = {
  name: "Split",
  infer: ([x], { axis, sizes }) =>
    (sizes as number[]).map((size) => ({
      dtype: x.dtype,
      shape: x.shape.map((d, i) => (i === axis ? size : d)),
    })),
  vjp: (dys, { outputs, attrs: { axis } }) => [
    dys.some((dy) => dy)
      ? concat(
          dys.map((dy, i) => dy ?? expandTo(scalar(0), outputs[i].shape)),
          axis as number,
        )
      : undefined,
  ],
  onnx: ({ attrs: { axis, sizes } }) => ({ type: "Split", attributes: { axis }, extra: [sizes as number[]] }),
};

/** x cut along an axis into parts of the given sizes. */
export const split = (x: Tensor, sizes: readonly number[], axis: number): readonly Tensor[] =>
  sizes.length === 1 ? [x] : apply(splitOp, [x], { sizes, axis: axisOf(axis, x.shape.length) });

/** A sum that skips what is undefined. */
export const addAll = (xs: readonly (Tensor | undefined)[]): Tensor | undefined =>
  xs.reduce((sum, x) => (sum && x ? add(sum, x) : (sum ?? x)), undefined);

/** A float32 tensor of equal numbers. */
export const full = (shape: Shape, value: number): Tensor =>
  sizeOf(shape) <= 64 ? floats(new Array(sizeOf(shape)).fill(value), shape) : expandTo(scalar(value), shape);

export { concatOp, expandOp, padOp, reshapeOp, sliceOp, splitOp, transposeOp };
