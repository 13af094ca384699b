import { apply1, type Op } from "../op.js";
import { axisOf, type Shape, scalar, type Tensor } from "../tensor.js";
import { cast, div, equal, mul } from "./elementwise.js";
import { expandTo, reshape } from "./shape.js";

export interface ReduceOptions {
  /** All axes where left out. */
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

type Attributes = { readonly axes: readonly number[]; readonly keepDims: boolean };

function reduction(name: string, vjp: Op["vjp"], axesAsInput = false): [Op, (x: Tensor, o?: ReduceOptions) => Tensor] {
  const op: Op = {
    name,
    infer: ([x], attrs) => [{ dtype: x.dtype, shape: reducedShape(x.shape, attrs as Attributes) }],
    vjp,
    onnx: ({ attrs }) => {
      const { axes, keepDims } = attrs as Attributes;
      return axesAsInput
        ? { type: name, attributes: { keepdims: keepDims ? 1 : 0 }, extra: [axes] }
        : { type: name, attributes: { axes, keepdims: keepDims ? 1 : 0 } };
    },
  };
  const call = (x: Tensor, { axes, keepDims = false }: ReduceOptions = {}) => {
    const all = (axes ?? x.shape.map((_, i) => i)).map((axis) => axisOf(axis, x.shape.length)).sort((a, b) => a - b);
    return all.length === 0 ? x : apply1(op, [x], { axes: all, keepDims });
  };
  return [op, call];
}

const reducedShape = (shape: Shape, { axes, keepDims }: Attributes): number[] =>
  keepDims ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));

const kept = (shape: Shape, { axes }: Attributes): number[] => reducedShape(shape, { axes, keepDims: true });

/** dy stretched over the axes that were reduced. */
const stretch = (dy: Tensor, x: Tensor, attrs: Attributes): Tensor =>
  expandTo(reshape(dy, kept(x.shape, attrs)), x.shape);

const count = (shape: Shape, { axes }: Attributes): number => axes.reduce((n, axis) => n * shape[axis], 1);

export const [reduceSumOp, reduceSum] = reduction(
  "ReduceSum",
  ([dy], { inputs: [x], attrs }) => [dy && stretch(dy, x, attrs as Attributes)],
  true,
);

export const [reduceMeanOp, reduceMean] = reduction("ReduceMean", ([dy], { inputs: [x], attrs }) => [
  dy && stretch(div(dy, scalar(count(x.shape, attrs as Attributes))), x, attrs as Attributes),
]);

export const [reduceSumSquareOp, reduceSumSquare] = reduction("ReduceSumSquare", ([dy], { inputs: [x], attrs }) => [
  dy && mul(mul(x, scalar(2)), reshape(dy, kept(x.shape, attrs as Attributes))),
]);

// Equal largest values share the gradient.
export const [reduceMaxOp, reduceMax] = reduction("ReduceMax", ([dy], { inputs: [x], outputs: [y], attrs }) => {
  if (!dy) return [undefined];
  const shape = kept(x.shape, attrs as Attributes);
  const winners = cast(equal(x, reshape(y, shape)), "float32");
  const ties = reduceSum(winners, { axes: (attrs as Attributes).axes, keepDims: true });
  return [mul(winners, div(reshape(dy, shape), ties))];
});
