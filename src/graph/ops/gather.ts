import { apply1, type Op } from "../op.js";
import { axisOf, floats, ints, type Tensor } from "../tensor.js";
import { cast, equal } from "./elementwise.js";
import { gemm } from "./matrix.js";
import { expandTo, full, pad, reshape, transpose } from "./shape.js";

const gatherOp: Op = {
  name: "Gather",
  infer: ([x, index], { axis }) => {
    const a = axis as number;
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, a), ...index.shape, ...x.shape.slice(a + 1)] }];
  },
  vjp: ([dy], { inputs: [x, index], attrs: { axis } }) => [
    dy && gatherGradient(dy, x, index, axis as number),
    undefined,
  ],
  onnx: ({ attrs: { axis } }) => ({ type: "Gather", attributes: { axis } }),
};

/** The entries of x at `index` (int32 or int64, any shape) along an axis; entries asked for twice get the sum of their gradients. */
export const gather = (x: Tensor, index: Tensor, axis = 0): Tensor =>
  apply1(gatherOp, [x, index], { axis: axisOf(axis, x.shape.length) });

// Entries of small tables through a one-hot matrix product, of long ones through ScatterElements (both add in a fixed order).
function gatherGradient(dy: Tensor, x: Tensor, index: Tensor, axis: number): Tensor {
  if (axis !== 0) {
    const front = [axis, ...x.shape.map((_, i) => i).filter((i) => i !== axis)];
    const dyFront = dy.shape.map((_, i) => i);
    const moved = dyFront.splice(axis, index.shape.length);
    const turned = transpose(dy, [...moved, ...dyFront]);
    const dx = gatherGradient(turned, transpose(x, front), index, 0);
    return transpose(
      dx,
      front.map((_, i) => front.indexOf(i)),
    );
  }
  const rest = x.shape.slice(1);
  const width = rest.reduce((n, d) => n * d, 1);
  const flat = reshape(dy, [-1, width]);
  const rows = flat.shape[0];
  if (x.shape[0] <= 1024 && x.shape[0] * rows <= 1_000_000) {
    const order = floats(
      Array.from({ length: x.shape[0] }, (_, i) => i),
      [x.shape[0], 1],
    );
    const oneHot = cast(equal(order, reshape(cast(index, "float32"), [1, rows])), "float32"); // [entries, rows]
    return reshape(gemm(oneHot, flat), x.shape);
  }
  const zeros = full([x.shape[0], width], 0);
  return reshape(scatterAdd(zeros, expandTo(reshape(index, [rows, 1]), [rows, width]), flat), x.shape);
}

const scatterOp: Op = {
  name: "ScatterElements",
  infer: ([x]) => [x],
  onnx: ({ attrs: { axis, reduction } }) => ({ type: "ScatterElements", attributes: { axis, reduction } }),
};

/** x with updates added at the given rows, in order: index and updates [n, c]. */
export const scatterAdd = (x: Tensor, index: Tensor, updates: Tensor): Tensor =>
  apply1(scatterOp, [x, index, updates], { axis: 0, reduction: "add" });

/** x with entries replaced along axis 0; the places must differ. No gradient. */
export const scatter = (x: Tensor, index: Tensor, updates: Tensor): Tensor =>
  apply1(scatterOp, [x, index, updates], { axis: 0, reduction: "none" });

const takeRowsOp: Op = {
  name: "GatherRows",
  infer: ([x], { index, axis }) => [
    { dtype: x.dtype, shape: x.shape.map((d, i) => (i === axis ? (index as number[]).length : d)) },
  ],
  expand: ({ inputs: [x], attrs: { index, axis } }) => [gather(x, ints(index as number[]), axis as number)],
  vjp: ([dy], { attrs: { index, inverse, axis } }) => {
    if (!dy) return [undefined];
    const back = inverse as number[];
    const nowhere = back.includes(dy.shape[axis as number]);
    const source = nowhere
      ? pad(
          dy,
          dy.shape.map((_, i): [number, number] => [0, i === axis ? 1 : 0]),
        )
      : dy;
    return [takeRows(source, back, { inverse: index as number[], axis: axis as number })];
  },
};

export interface TakeRowsOptions {
  /** For each row of x the place in the result that it went to, or the number of results for one that went nowhere. */
  readonly inverse: readonly number[];
  readonly axis?: number;
}

/**
 * Rows of x along an axis at constant places; the inverse serves the gradient. A row that is taken more than once must be
 * one whose gradient nobody needs.
 */
export const takeRows = (x: Tensor, index: readonly number[], { inverse, axis = 0 }: TakeRowsOptions): Tensor =>
  apply1(takeRowsOp, [x], { index, inverse, axis });

export { gatherOp, scatterOp, takeRowsOp };
