import { constant, type DType, type HostArray, hostArray, input, type Shape, type Tensor } from "../graph/index.js";

/** A source of random numbers, handed in: uniform in [0, 1) and standard normal. */
export interface Random {
  next(): number;
  normal(): number;
}

/** Fills a new parameter: its numbers from a shape and a source of randomness. */
export type Init = (shape: Shape, random: Random) => Float32Array;

/**
 * A named number array of a module. `parameter`: learned. `buffer`: kept and saved, not learned (running statistics,
 * anchors). `derived`: a buffer that follows from the module's arguments, a constant in graphs.
 */
export interface Param {
  readonly kind: "parameter" | "buffer" | "derived";
  readonly tensor: Tensor;
  readonly init: Init | HostArray;
  /** Never decayed: the weight of a normalisation layer, and what a part marks so. */
  readonly norm: boolean;
}

/** A parameter of the given shape; `norm` for the weight of a normalisation layer. */
export const parameter = (shape: Shape, init: Init, { norm = false } = {}): Param => ({
  kind: "parameter",
  tensor: input(shape),
  init,
  norm,
});

/** A buffer that starts with the given numbers. */
export const buffer = (value: HostArray): Param => ({
  kind: "buffer",
  tensor: input(value.shape, { dtype: value.dtype }),
  init: value,
  norm: false,
});

/** A buffer that the module's arguments decide: saved under its name, never loaded. */
export const derived = (value: HostArray): Param => ({
  kind: "derived",
  tensor: constant(value),
  init: value,
  norm: false,
});

/** A buffer of equal numbers. */
export function filled(shape: Shape, value: number, dtype: DType = "float32"): Param {
  const array = hostArray(dtype, shape);
  array.data.fill((dtype === "int64" ? BigInt(value) : value) as never);
  return buffer(array);
}

/** What a module is made of: its parameters and the modules inside it, by the names they have in a checkpoint. */
export type Children = Readonly<Record<string, Param | Part | undefined>>;

/** Anything with children. */
export interface Part {
  readonly children: Children;
}

/** A function of tensors whose children's names, joined by dots, are the names of its weights. */
export type Module<F extends (...args: never[]) => unknown = (x: Tensor) => Tensor> = F & Part;

/** A module from its children and what it computes. Children that are undefined do not exist. */
export function module(children: Children, forward: (x: Tensor) => Tensor): Module;
export function module<F extends (...args: never[]) => unknown>(children: Children, forward: F): Module<F>;
export function module<F extends (...args: never[]) => unknown>(children: Children, forward: F): Module<F> {
  return Object.assign((...args: never[]) => forward(...args), { children }) as unknown as Module<F>;
}

/** A module without weights. */
export const leaf = (forward: (x: Tensor) => Tensor): Module => module({}, forward);

/** Modules under the names 0, 1, 2, ... (a ModuleList); not callable. */
export const list = (parts: readonly (Part | undefined)[]): Part => ({
  children: Object.fromEntries(parts.map((part, i) => [String(i), part])),
});

/** Modules called one after another, named 0, 1, 2, ... */
export const sequential = (parts: readonly Module[]): Module =>
  module(list(parts).children, (x: Tensor) => parts.reduce((y, part) => part(y), x));

const isParam = (child: Param | Part): child is Param => "tensor" in child;

/** Every parameter and buffer below a module, by its full name, in the order they were declared. */
export function namedParams(part: Part, prefix = ""): Map<string, Param> {
  const found = new Map<string, Param>();
  for (const [name, child] of Object.entries(part.children)) {
    if (!child) continue;
    if (isParam(child)) found.set(prefix + name, child);
    else for (const [inner, param] of namedParams(child, `${prefix}${name}.`)) found.set(inner, param);
  }
  return found;
}

/** The placeholders of all parameters and buffers by name: what a graph of this module is fed. */
export const paramInputs = (part: Part): Map<string, Tensor> =>
  new Map(
    [...namedParams(part)].filter(([, { kind }]) => kind !== "derived").map(([name, { tensor }]) => [name, tensor]),
  );

/** Fresh numbers for every parameter and buffer, derived ones included. */
export function initialState(part: Part, random: Random): Map<string, HostArray> {
  const state = new Map<string, HostArray>();
  for (const [name, { init, tensor }] of namedParams(part)) {
    const value =
      typeof init === "function"
        ? hostArray("float32", tensor.shape, init(tensor.shape, random))
        : hostArray(init.dtype, init.shape, init.data.slice());
    state.set(name, value);
  }
  return state;
}

/** Modules of a tree as PyTorch counts them: this one and all below it, containers and those without weights too, each once. */
export function countModules(part: Part, seen: Set<Part> = new Set()): number {
  seen.add(part);
  for (const child of Object.values(part.children)) {
    if (child && !isParam(child) && !seen.has(child)) countModules(child, seen);
  }
  return seen.size;
}

/** Learned numbers below a module. */
export const countParameters = (part: Part): number =>
  [...namedParams(part).values()]
    .filter(({ kind }) => kind === "parameter")
    .reduce((n, { tensor }) => n + tensor.shape.reduce((m, d) => m * d, 1), 0);
