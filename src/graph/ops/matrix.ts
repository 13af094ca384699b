import { apply1, type Op, ShapeError } from "../op.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import { broadcast, unbroadcast } from "./elementwise.js";
import { reshape, transpose } from "./shape.js";

const matMulOp: Op = {
  name: "MatMul",
  infer: (inputs) => {
    const [a, b] = inputs;
    const [m, k, n] = [a.shape.at(-2), a.shape.at(-1), b.shape.at(-1)];
    if (m === undefined || n === undefined || b.shape.at(-2) !== k) {
      throw new ShapeError("MatMul", inputs, "[.., m, k] x [.., k, n] expected");
    }
    return [{ dtype: a.dtype, shape: [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n] }];
  },
  vjp: ([dy], { inputs: [a, b] }) => [
    dy && unbroadcast(matMul(dy, swapLast(b)), a.shape),
    dy && unbroadcast(matMul(swapLast(a), dy), b.shape),
  ],
  onnx: () => ({ type: "MatMul" }),
};

/** Matrix product over the last two axes, the others broadcast. */
export const matMul = (a: Tensor, b: Tensor): Tensor => apply1(matMulOp, [a, b]);

/** The last two axes exchanged. */
export function swapLast(x: Tensor): Tensor {
  const perm = x.shape.map((_, i) => i);
  perm.push(perm.pop()!, perm.pop()!);
  return transpose(x, perm);
}

const gemmOp: Op = {
  name: "Gemm",
  infer: (inputs, { transA, transB }) => {
    const [a, b, c] = inputs;
    const [m, k] = transA ? [a.shape[1], a.shape[0]] : a.shape;
    const [l, n] = transB ? [b.shape[1], b.shape[0]] : b.shape;
    if (a.shape.length !== 2 || b.shape.length !== 2 || k !== l || (c && c.shape.at(-1) !== n)) {
      throw new ShapeError("Gemm", inputs, `matrices that fit expected (transA ${transA}, transB ${transB})`);
    }
    return [{ dtype: a.dtype, shape: [m, n] }];
  },
  // y = op(a) op(b) + c
  vjp: ([dy], { inputs: [a, b, c], attrs: { transA, transB } }) => {
    if (!dy) return [undefined, undefined, undefined];
    const da = transA ? gemm(b, dy, { transA: !!transB, transB: true }) : gemm(dy, b, { transB: !transB });
    const db = transB ? gemm(dy, a, { transA: true, transB: !!transA }) : gemm(a, dy, { transA: !transA });
    return [da, db, c && unbroadcast(dy, c.shape)];
  },
  onnx: ({ attrs: { transA, transB } }) => ({
    type: "Gemm",
    attributes: { alpha: 1, beta: 1, transA: transA ? 1 : 0, transB: transB ? 1 : 0 },
  }),
};

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Added to every row: [n]. */
  readonly bias?: Tensor;
  /** Rows that a count of operations takes instead of those there are (padding that is left out of the product). */
  readonly countedRows?: number;
}

/** The product of two matrices, either transposed, plus a row. */
export const gemm = (a: Tensor, b: Tensor, options: GemmOptions = {}): Tensor => {
  const { transA = false, transB = false, bias, countedRows } = options;
  return apply1(gemmOp, bias ? [a, b, bias] : [a, b], { transA, transB, ...(countedRows && { countedRows }) });
};

export type LinearOptions = Pick<GemmOptions, "bias" | "countedRows">;

/** x W^T + bias over the last axis, with W [out, in] as PyTorch keeps it. */
export function linear(x: Tensor, weight: Tensor, { bias, countedRows }: LinearOptions = {}): Tensor {
  const [out, into] = weight.shape;
  if (x.shape.at(-1) !== into) {
    throw new ShapeError("Linear", [x, weight], `input has ${x.shape.at(-1)} features, weight expects ${into}`);
  }
  const rows = reshape(x, [-1, into]);
  return reshape(gemm(rows, weight, { transB: true, bias, countedRows }), [...x.shape.slice(0, -1), out]);
}

/**
 * The dot product of every pair of rows: the sum of a * b over all but as many axes as give the result's shape `rows` (the last
 * where left out), through a batched matrix product. The second factor is turned by a Transpose, which ONNX Runtime takes into
 * the product: a column as it is would take 15 times as long.
 */
export function dotRows(a: Tensor, b: Tensor, rows: Shape = a.shape.slice(0, -1)): Tensor {
  const flat = (x: Tensor) => reshape(x, [-1, 1, sizeOf(x.shape) / sizeOf(rows)]);
  return reshape(matMul(flat(a), transpose(flat(b), [0, 2, 1])), rows);
}

export { gemmOp, matMulOp };
