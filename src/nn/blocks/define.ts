import { suggestion, UserError } from "../../errors/index.js";
import type { Tensor } from "../../graph/index.js";
import type { Activation } from "../layers/activation.js";
import type { Module } from "../module.js";

/** A value as it stands in a YAML row. */
export type ArgValue = null | boolean | number | string | readonly ArgValue[];

/** One constructor argument: what it may be, in words and as a test, and its default. */
export interface Arg<T = unknown> {
  readonly expected: string;
  readonly accepts: (value: ArgValue) => boolean;
  /** Left out: the argument must be given. */
  readonly default?: T;
  or<D extends T>(value: D): Arg<T>;
}

function arg<T>(expected: string, accepts: (value: ArgValue) => boolean): Arg<T> {
  const make = (rest: { default?: T }): Arg<T> => ({
    expected,
    accepts,
    ...rest,
    or: (value) => make({ default: value }),
  });
  return make({});
}

const isWhole = (value: ArgValue, least: number): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= 2 ** 16;
const isSize = (value: ArgValue, least: number): boolean =>
  isWhole(value, least) || (Array.isArray(value) && value.length === 2 && value.every((item) => isWhole(item, least)));

/** A whole number over 0: a width, a count. */
export const count = arg<number>("a whole number from 1 to 65536", (v) => isWhole(v, 1));
/** A whole number from 1 to `most`, for what would take the machine's memory. */
export const upTo = (most: number): Arg<number> =>
  arg(`a whole number from 1 to ${most}`, (v) => isWhole(v, 1) && (v as number) <= most);
/** A whole number from 0. */
export const whole = arg<number>("a whole number from 0 to 65536", (v) => isWhole(v, 0));
/** A kernel, stride or dilation: a whole number over 0 or two of them. */
export const size = arg<number | number[]>("a whole number over 0 or two of them", (v) => isSize(v, 1));
/** A padding: a whole number from 0, two of them, or null where it follows from the kernel. */
export const padding = arg<number | number[] | null>(
  "a whole number from 0, two of them or null",
  (v) => v === null || isSize(v, 0),
);
export const flag = arg<boolean>("true or false", (v) => typeof v === "boolean" || v === 0 || v === 1);
/** Accepted and without effect. */
export const ignored = arg<ArgValue>("anything", () => true);
export const factor = arg<number>("a number over 0", (v) => typeof v === "number" && v > 0 && v <= 1024);
/** A share that is dropped: from 0, below 1. */
export const rate = arg<number>("a number from 0, below 1", (v) => typeof v === "number" && v >= 0 && v < 1);
export const share = arg<number>("a number from 0 to 1", (v) => typeof v === "number" && v >= 0 && v <= 1);
export const text = arg<string>("text", (v) => typeof v === "string");
export const counts = arg<number[]>(
  "a list of whole numbers over 0",
  (v) => Array.isArray(v) && v.length > 0 && v.every((item) => isWhole(item, 1)),
);
export const wholes = (length: number, { least = 0, most = 2 ** 16 } = {}): Arg<number[]> =>
  arg(
    `${length} whole numbers from ${least} to ${most}`,
    (v) => Array.isArray(v) && v.length === length && v.every((item) => isWhole(item, least) && item <= most),
  );
/** One value for all, or a list with one for each stage. */
export const eachStage = (one: Arg<number>): Arg<number | number[]> =>
  arg(
    `${one.expected}, or a list of them, one for each stage`,
    (v) => one.accepts(v) || (Array.isArray(v) && v.length > 0 && v.every(one.accepts)),
  );
/** w, h, w, h, ... in pixels for every level, as many for each; or how many anchors a level gets. */
export const anchorList = arg<number | number[][]>(
  "a list w, h, w, h, ... for every level, each of one length, or a number of anchors",
  (v) => isWhole(v, 1) || (Array.isArray(v) && v.every((level) => isAnchors(level) && level.length === v[0].length)),
);

const isAnchors = (level: ArgValue): level is readonly number[] =>
  Array.isArray(level) &&
  level.length >= 2 &&
  level.length % 2 === 0 &&
  level.every((side) => typeof side === "number" && side >= 0 && Number.isFinite(side));

/** An activation: true for the model's own, false for none, or text such as "nn.ReLU()". */
export const activation = arg<boolean | string>(
  "true, false or an activation such as nn.ReLU()",
  (v) => typeof v === "boolean" || typeof v === "string",
);
export const optional = <T>(inner: Arg<T>): Arg<T | null> =>
  arg<T | null>(`${inner.expected} or null`, (v) => v === null || inner.accepts(v)).or(null);
export const oneOf = (...values: readonly ArgValue[]): Arg<ArgValue> =>
  arg(`one of ${values.join(", ")}`, (v) => values.includes(v));

/** The named arguments of a constructor, in the order of the row. */
export type Args = Readonly<Record<string, ArgValue>>;

/** Keys of a model YAML that rows take over. */
export const modelKeys = ["window", "pretrained_window"] as const;
export type ModelKey = (typeof modelKeys)[number];

/** What a block is built in. */
export interface BlockContext {
  /** The activation of every Conv whose `act` is true. */
  readonly activation: Activation;
  /** Widths of the inputs; one for most blocks. */
  readonly channels: readonly number[];
}

/** Called with one tensor, or with a list where the row has several inputs; gives one, or a list where it has `maps`. */
export type BlockModule =
  | Module<(x: Tensor) => Tensor>
  | Module<(xs: readonly Tensor[]) => Tensor>
  | Module<(x: Tensor) => readonly Tensor[]>;

/** How a module name of a YAML row becomes a module. */
export interface BlockDefinition {
  readonly name: string;
  readonly args: Readonly<Record<string, Arg>>;
  /**
   * `scaled`: the row's first number is a width that the width gain scales; the constructor gets the input's width before
   * it. `plain` (default): the row's numbers are the constructor's.
   */
  readonly widths?: "scaled" | "plain";
  /** Whether the constructor takes the row's repeat count (as its third argument) instead of being repeated. */
  readonly repeats?: boolean;
  /** Arguments that are a key of the whole model where the row does not give them. */
  readonly inherits?: Readonly<Record<string, ModelKey>>;
  /** Takes a list of inputs. */
  readonly list?: boolean;
  /** Width of the output; by default the argument `c2`, or the input's width. */
  readonly channels?: (args: never, inputs: readonly number[]) => number;
  /** Widths of the maps, where the module gives a list of them; whoever reads the row gets them all. */
  readonly maps?: (args: never, inputs: readonly number[]) => readonly number[];
  readonly build: (args: never, context: BlockContext) => BlockModule;
}

type ValueOf<A> = A extends Arg<infer T> ? T : never;
type ValuesOf<S> = { readonly [K in keyof S]: ValueOf<S[K]> };

/**
 * Makes a module known to model YAMLs: `args` names the constructor's arguments in the order of the row, `build` makes the
 * module from them.
 */
export function defineBlock<S extends Readonly<Record<string, Arg<never>>> | Readonly<Record<string, Arg>>>(
  definition: Omit<BlockDefinition, "args" | "build" | "channels" | "maps"> & {
    readonly args: S;
    readonly maps?: (args: ValuesOf<S>, inputs: readonly number[]) => readonly number[];
    readonly channels?: (args: ValuesOf<S>, inputs: readonly number[]) => number;
    readonly build: (args: ValuesOf<S>, context: BlockContext) => BlockModule;
  },
): BlockDefinition {
  return definition as unknown as BlockDefinition;
}

/**
 * The values of a row as named arguments, defaults filled in; `named` are those that it gives by name.
 * @throws UserError naming the argument, what was got and what is expected.
 */
export function bindArgs({ args }: BlockDefinition, values: readonly ArgValue[], named: Args = {}): Args {
  const order = Object.keys(args);
  for (const key of Object.keys(named)) {
    if (!Object.hasOwn(args, key))
      throw new UserError(
        `argument ${key} is not known${suggestion(key, order) || `, expected one of ${order.join(", ")}`}`,
      );
    if (order.indexOf(key) < values.length) throw new UserError(`argument ${key} is given twice`);
  }
  const specs = Object.entries(args);
  if (values.length > specs.length) {
    throw new UserError(
      `got ${values.length} arguments, expected at most ${specs.length} (${Object.keys(args).join(", ")})`,
    );
  }
  return Object.fromEntries(specs.map(([key, spec], i) => [key, checked(key, spec, named[key] ?? values[i])]));
}

function checked(key: string, spec: Arg, value: ArgValue | undefined): ArgValue {
  if (value === undefined) {
    if (spec.default === undefined) throw new UserError(`argument ${key} is missing, expected ${spec.expected}`);
    return spec.default as ArgValue;
  }
  if (!spec.accepts(value)) {
    throw new UserError(`argument ${key}: got ${JSON.stringify(value)}, expected ${spec.expected}`);
  }
  return value;
}
