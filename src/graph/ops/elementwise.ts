import type { DType } from "../host.js";
import { apply1, type Op, ShapeError } from "../op.js";
import { type Attrs, type Shape, sameShape, scalar, type Tensor } from "../tensor.js";
import { reduceSum } from "./reduce.js";
import { expandTo, reshape } from "./shape.js";

type Unary = (x: Tensor) => Tensor;
type Derivative = (dy: Tensor, x: Tensor, y: Tensor) => Tensor | undefined;

function unaryOp(name: string, derivative?: Derivative, attributes?: (attrs: Attrs) => Attrs): Op {
  return {
    name,
    cheap: true,
    infer: ([x]) => [x],
    vjp: derivative && (([dy], { inputs: [x], outputs: [y] }) => [dy && derivative(dy, x, y)]),
    onnx: ({ attrs }) => ({ type: name, attributes: attributes?.(attrs) }),
  };
}

const unary = (name: string, derivative?: Derivative): [Op, Unary] => {
  const op = unaryOp(name, derivative);
  return [op, (x) => apply1(op, [x])];
};

const one = scalar(1);
const flat = () => undefined;

export const [negOp, neg] = unary("Neg", (dy) => neg(dy));
export const [expOp, exp] = unary("Exp", (dy, _, y) => mul(dy, y));
export const [logOp, log] = unary("Log", (dy, x) => div(dy, x));
export const [sqrtOp, sqrt] = unary("Sqrt", (dy, _, y) => div(mul(dy, scalar(0.5)), y));
export const [reciprocalOp, reciprocal] = unary("Reciprocal", (dy, _, y) => neg(mul(dy, mul(y, y))));
export const [absOp, abs] = unary("Abs", (dy, x) => mul(dy, sign(x)));
export const [signOp, sign] = unary("Sign", flat);
export const [floorOp, floor] = unary("Floor", flat);
export const [sigmoidOp, sigmoid] = unary("Sigmoid", (dy, _, y) => mul(dy, mul(y, sub(one, y))));
export const [tanhOp, tanh] = unary("Tanh", (dy, _, y) => mul(dy, sub(one, mul(y, y))));
export const [reluOp, relu] = unary("Relu", (dy, _, y) => mul(dy, cast(greater(y, scalar(0)), "float32")));
export const [softplusOp, softplus] = unary("Softplus", (dy, x) => mul(dy, sigmoid(x)));
// d erf / dx = 2 / sqrt(pi) * exp(-x^2)
export const [erfOp, erf] = unary("Erf", (dy, x) => mul(dy, mul(scalar(2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x))))));
export const [atanOp, atan] = unary("Atan", (dy, x) => div(dy, add(one, mul(x, x))));

const isNanOp: Op = {
  name: "IsNaN",
  infer: ([x]) => [{ dtype: "bool", shape: x.shape }],
  onnx: () => ({ type: "IsNaN" }),
};
/** Where `x` is not a number: bool. */
export const isNan = (x: Tensor): Tensor => apply1(isNanOp, [x]);

const notOp: Op = { name: "Not", infer: ([x]) => [x], onnx: () => ({ type: "Not" }) };
export const not = (x: Tensor): Tensor => apply1(notOp, [x]);

const leakyReluOp: Op = {
  ...unaryOp("LeakyRelu", undefined, ({ slope }) => ({ alpha: slope })),
  vjp: ([dy], { inputs: [x], attrs: { slope } }) => [
    dy && where(greater(x, scalar(0)), dy, mul(dy, scalar(slope as number))),
  ],
};
/** x where positive, slope * x elsewhere. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => apply1(leakyReluOp, [x], { slope });

const castOp: Op = {
  name: "Cast",
  cheap: true,
  infer: ([x], { to }) => [{ dtype: to as DType, shape: x.shape }],
  vjp: ([dy], { inputs: [x] }) => [dy && isFloat(x.dtype) ? cast(dy, x.dtype) : undefined],
  onnx: ({ attrs: { to } }) => ({ type: "Cast", attributes: { to: { dtype: to } } }),
};
/** The same numbers in another type. */
export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : apply1(castOp, [x], { to }));

const isFloat = (dtype: DType) => dtype === "float32" || dtype === "float16" || dtype === "float64";

const stopOp: Op = {
  name: "StopGradient",
  cheap: true,
  infer: ([x]) => [x],
  vjp: () => [undefined],
  expand: ({ inputs: [x] }) => [x],
};
/** x, without a gradient. */
export const stopGradient = (x: Tensor): Tensor => apply1(stopOp, [x]);

// ---- two inputs, broadcast ----

/** The shape that two shapes broadcast to. */
export function broadcast(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [m, n] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (m !== n && m !== 1 && n !== 1) throw new Error(`[${a.join(", ")}] and [${b.join(", ")}] do not broadcast`);
    return m === 1 ? n : m;
  });
}

/** The gradient of broadcasting to `dy`'s shape: summed over the axes that were stretched. */
export function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  if (sameShape(dy.shape, shape)) return dy;
  const lead = dy.shape.length - shape.length;
  const axes = dy.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && dy.shape[i] !== 1));
  return reshape(axes.length ? reduceSum(dy, { axes, keepDims: true }) : dy, shape);
}

type Partials = (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor | undefined, Tensor | undefined];

function binary(name: string, partials?: Partials, dtype?: DType): [Op, (a: Tensor, b: Tensor) => Tensor] {
  const op: Op = {
    name,
    cheap: true,
    infer: (inputs) => {
      const [a, b] = inputs;
      if (a.dtype !== b.dtype) throw new ShapeError(name, inputs, "both need one type");
      try {
        return [{ dtype: dtype ?? a.dtype, shape: broadcast(a.shape, b.shape) }];
      } catch {
        throw new ShapeError(name, inputs, "the shapes do not broadcast");
      }
    },
    vjp:
      partials &&
      (([dy], { inputs: [a, b], outputs: [y] }) => {
        if (!dy) return [undefined, undefined];
        const [da, db] = partials(dy, a, b, y);
        return [da && unbroadcast(da, a.shape), db && unbroadcast(db, b.shape)];
      }),
    onnx: () => ({ type: name }),
  };
  return [op, (a, b) => apply1(op, [a, b])];
}

export const [addOp, add] = binary("Add", (dy) => [dy, dy]);
export const [subOp, sub] = binary("Sub", (dy) => [dy, neg(dy)]);
export const [mulOp, mul] = binary("Mul", (dy, a, b) => [mul(dy, b), mul(dy, a)]);
export const [divOp, div] = binary("Div", (dy, _, b, y) => {
  const da = div(dy, b);
  return [da, neg(mul(da, y))];
});
// Equal numbers share the gradient.
export const [maxOp, max] = binary("Max", (dy, a, b) => share(a, b, dy));
export const [minOp, min] = binary("Min", (dy, a, b) => share(b, a, dy));
export const [greaterOp, greater] = binary("Greater", undefined, "bool");
export const [greaterOrEqualOp, greaterOrEqual] = binary("GreaterOrEqual", undefined, "bool");
export const [lessOp, less] = binary("Less", undefined, "bool");
export const [equalOp, equal] = binary("Equal", undefined, "bool");
export const [andOp, and] = binary("And", undefined, "bool");

// dy where a > b, half of it where they are equal; the rest.
function share(a: Tensor, b: Tensor, dy: Tensor): [Tensor, Tensor] {
  const part = (condition: Tensor) => mul(cast(condition, "float32"), scalar(0.5));
  const first = mul(dy, add(part(greater(a, b)), part(greaterOrEqual(a, b))));
  return [first, sub(dy, first)];
}

const powOp: Op = {
  name: "Pow",
  cheap: true,
  infer: ([x]) => [x],
  vjp: ([dy], { inputs: [x, p], attrs: { exponent } }) => [
    dy && mul(dy, mul(p, pow(x, (exponent as number) - 1))),
    undefined,
  ],
  onnx: () => ({ type: "Pow" }),
};
/** x to a constant power. */
export const pow = (x: Tensor, exponent: number): Tensor =>
  exponent === 1 ? x : exponent === 2 ? mul(x, x) : apply1(powOp, [x, scalar(exponent)], { exponent });

const whereOp: Op = {
  name: "Where",
  cheap: true,
  infer: ([c, a, b]) => [{ dtype: a.dtype, shape: broadcast(c.shape, broadcast(a.shape, b.shape)) }],
  vjp: ([dy], { inputs: [c, a, b] }) => {
    if (!dy) return [undefined, undefined, undefined];
    const zero = scalar(0);
    return [
      undefined,
      unbroadcast(expandTo(where(c, dy, zero), dy.shape), a.shape),
      unbroadcast(expandTo(where(c, zero, dy), dy.shape), b.shape),
    ];
  },
  onnx: () => ({ type: "Where" }),
};
/** a where the condition holds, else b; all three broadcast. */
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor => apply1(whereOp, [condition, a, b]);

/** x between low and high; no gradient outside. */
export const clamp = (x: Tensor, low: number, high: number): Tensor => min(max(x, scalar(low)), scalar(high));

/** x * x */
export const square = (x: Tensor): Tensor => mul(x, x);

export { castOp, isNanOp, leakyReluOp, notOp, one, powOp, stopOp, whereOp };
