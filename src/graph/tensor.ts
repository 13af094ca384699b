import { allocate, bytesPerElement, type DType, elements, float16Bits, type HostArray } from "./host.js";
import type { Op } from "./op.js";

/** Sizes along each axis, outermost first; a scalar has shape []. */
export type Shape = readonly number[];

/** What is known of a value before it exists. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Numbers, texts and lists that decide what a node computes, besides its inputs. */
export type Attrs = Readonly<Record<string, unknown>>;

/**
 * A value in a graph: symbolic, with known type and shape. It is output number `index` of `node`; inputs of a graph,
 * parameters and constants have no node.
 */
export interface Tensor extends TensorType {
  readonly id: number;
  readonly node?: Node;
  readonly index: number;
  /** The numbers of a constant. */
  readonly value?: HostArray;
  /** What a graph input is called in print and in ONNX; parameters get their name from the module tree. */
  readonly label?: string;
}

/** One application of an operator. */
export interface Node {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly outputs: readonly Tensor[];
}

let ids = 0;

/** A number no other tensor or node has; larger than those made before. */
export const nextId = (): number => ids++;

/** A placeholder: a value that is fed when the graph runs. */
export function input(shape: Shape, { dtype = "float32", label }: { dtype?: DType; label?: string } = {}): Tensor {
  return { id: nextId(), dtype, shape: [...shape], index: 0, label };
}

/** A tensor with numbers known while tracing. */
export function constant(value: HostArray): Tensor {
  return { id: nextId(), dtype: value.dtype, shape: [...value.shape], index: 0, value };
}

/** A float32 constant of the given numbers; without a shape, a vector. */
export function floats(data: ArrayLike<number>, shape: Shape = [data.length]): Tensor {
  return constant({ dtype: "float32", shape: [...shape], data: Float32Array.from(data) });
}

/** An int64 constant. */
export function ints(data: ArrayLike<number>, shape: Shape = [data.length]): Tensor {
  return constant({ dtype: "int64", shape: [...shape], data: BigInt64Array.from(Array.from(data), BigInt) });
}

const scalars = new Map<string, Tensor>();

/** A constant of shape []; equal numbers of a type share one tensor. */
export function scalar(number: number, dtype: DType = "float32"): Tensor {
  const key = `${dtype} ${Object.is(number, -0) ? "-0" : number}`;
  let found = scalars.get(key);
  if (!found) {
    const data = allocate(dtype, 1);
    if (data instanceof BigInt64Array) data[0] = BigInt(number);
    else data[0] = dtype === "float16" ? float16Bits(number) : number;
    found = constant({ dtype, shape: [], data });
    scalars.set(key, found);
  }
  return found;
}

/** How many elements a shape holds. */
export const sizeOf: (shape: Shape) => number = elements;

/** How many bytes a tensor's elements take. */
export const bytesOf = ({ dtype, shape }: Tensor): number => sizeOf(shape) * bytesPerElement[dtype];

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** `-1` means the last axis, and so on. */
export function axisOf(axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  if (found < 0 || found >= rank) throw new Error(`axis ${axis} of a tensor with ${rank} axes`);
  return found;
}

/** `float32[1, 3, 640, 640]` */
export const describe = ({ dtype, shape }: TensorType): string => `${dtype}[${shape.join(", ")}]`;
