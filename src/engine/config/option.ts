import { z } from "zod";
import { suggestion, UserError } from "../../errors/index.js";

/** One option of a command. */
export interface Option<T = unknown> {
  readonly schema: z.ZodType<T>;
  readonly help: string;
  /** What a value is, in words, for help and messages: `a whole number over 0`. */
  readonly expected: string;
  /** Left out where the option has none. */
  readonly default?: T;
  /** Other names, YOLOv5's among them. */
  readonly aliases?: readonly string[];
  /** Names that mean the contrary: `save` of `nosave`. */
  readonly opposites?: readonly string[];
}

export type OptionTable = Readonly<Record<string, Option>>;

type ValueOf<O> = O extends { readonly default: infer D; readonly schema: z.ZodType<infer T> }
  ? D extends undefined
    ? T | undefined
    : T
  : O extends Option<infer T>
    ? T | undefined
    : never;

/** The values of a table's options: those with a default are always there. */
export type ValuesOf<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

const number = (expected: string, ok: (n: number) => boolean) =>
  z.preprocess(
    (value) => (typeof value === "string" && value.trim() !== "" ? Number(value) : value),
    z.number().refine(ok, expected),
  );

const bool = z.preprocess((value) => {
  const text = typeof value === "string" ? value.toLowerCase() : value;
  if (text === "true" || text === "1" || text === 1 || text === "yes") return true;
  if (text === "false" || text === "0" || text === 0 || text === "no") return false;
  return value;
}, z.boolean());

const list = (value: unknown): unknown =>
  typeof value === "string"
    ? value
        .replace(/^\[|\]$/g, "")
        .split(/[\s,]+/)
        .filter((part) => part !== "")
        .map((part) => (Number.isNaN(Number(part)) ? part : Number(part)))
    : typeof value === "number"
      ? [value]
      : value;

/** True or false; a bare name means true. */
export const flag = <D extends boolean | undefined>(
  help: string,
  rest: { default: D; aliases?: readonly string[]; opposites?: readonly string[] },
) => ({
  schema: bool as z.ZodType<boolean>,
  help,
  expected: "true or false",
  ...rest,
});

/** Any text that is not empty. */
export const text = <D extends string | undefined>(
  help: string,
  rest: { default: D; aliases?: readonly string[]; expected?: string },
) => ({
  schema: z.preprocess(
    (value) => (typeof value === "number" ? String(value) : value),
    z.string().min(1),
  ) as z.ZodType<string>,
  help,
  expected: rest.expected ?? "text",
  ...rest,
});

/** A whole number, from `least` or 0 on. */
export const whole = <D extends number | undefined>(
  help: string,
  rest: { default: D; least?: number; most?: number; aliases?: readonly string[] },
) => {
  const { least = 0, most = Number.MAX_SAFE_INTEGER } = rest;
  const expected = least === most ? `only ${least}` : `a whole number from ${least}${rest.most ? ` to ${most}` : ""}`;
  return {
    schema: number(expected, (n) => Number.isInteger(n) && n >= least && n <= most) as z.ZodType<number>,
    help,
    expected,
    ...rest,
  };
};

/** A whole number from `least` on, or `auto`. */
export const wholeOrAuto = <D extends number | "auto">(
  help: string,
  rest: { default: D; least: number; aliases?: readonly string[] },
) => {
  const expected = `a whole number from ${rest.least}, or auto`;
  const counted = number(expected, (n) => Number.isInteger(n) && n >= rest.least);
  return {
    schema: z.union([z.literal("auto"), counted]) as z.ZodType<number | "auto">,
    help,
    expected,
    ...rest,
  };
};

const byteUnits: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
};

/** An amount of memory: 4GB, 512MB, 3.5GiB; bytes without a unit. */
export const amount = (help: string) => ({
  schema: z.preprocess((value) => {
    const [, size, unit] = /^([\d.]+)\s*([kmgt]?i?)b?$/i.exec(String(value)) ?? [];
    return Number(size) * (byteUnits[unit?.toLowerCase()] ?? Number.NaN);
  }, z.number().positive()) as z.ZodType<number>,
  help,
  expected: "an amount of memory, as 4GB or 512MB",
  default: undefined,
});

/** A number in a range, ends included. */
export const real = <D extends number | undefined>(
  help: string,
  rest: { default: D; from: number; to: number; aliases?: readonly string[] },
) => {
  const expected = `a number from ${rest.from} to ${rest.to}`;
  return {
    schema: number(expected, (n) => n >= rest.from && n <= rest.to) as z.ZodType<number>,
    help,
    expected,
    ...rest,
  };
};

/** One of a few values; `bare` is meant where only the name is given (or true), `off` by false. */
export const choice = <const V extends readonly (string | boolean)[], D extends V[number] | undefined>(
  help: string,
  values: V,
  rest: { default: D; aliases?: readonly string[]; bare?: V[number]; off?: V[number] },
) => {
  const read = (value: unknown) => {
    if (rest.bare !== undefined && (value === true || value === "true")) return rest.bare;
    if (rest.off !== undefined && (value === false || value === "false")) return rest.off;
    return typeof value === "string"
      ? (values.find((one) => String(one).toLowerCase() === value.toLowerCase()) ?? value)
      : value;
  };
  const schema = z.preprocess(
    read,
    z.custom<V[number]>((value) => values.includes(value as V[number])),
  );
  return { schema: schema as z.ZodType<V[number]>, help, expected: `one of ${values.join(", ")}`, ...rest };
};

/** Whole numbers from 0 on, as a list or a text with commas. */
export const wholes = <D extends readonly number[] | undefined>(
  help: string,
  rest: { default: D; aliases?: readonly string[]; expected?: string },
) => ({
  schema: z.preprocess(list, z.array(z.number().int().min(0))) as z.ZodType<readonly number[]>,
  help,
  expected: rest.expected ?? "whole numbers, as 0,2,3",
  ...rest,
});

/** One side for both, or height and width. */
export const sides = <D extends readonly [number, number] | undefined>(
  help: string,
  rest: { default: D; aliases?: readonly string[] },
) => {
  const schema = z
    .preprocess(list, z.array(z.number().int().min(1).max(65536)).min(1).max(2))
    .transform((v) => [v[0], v[1] ?? v[0]] as const);
  return {
    schema: schema as unknown as z.ZodType<readonly [number, number]>,
    help,
    expected: "an image size in pixels: a whole number over 0, or height,width",
    ...rest,
  };
};

/** A provider of ONNX Runtime; whether it is there shows when it is asked for. */
export const provider = <D extends string | undefined>(
  help: string,
  rest: { default: D; aliases?: readonly string[] },
) => ({
  schema: z.preprocess(
    (value) => (typeof value === "string" ? value.toLowerCase() : value),
    z.string().regex(/^[a-z]+$/),
  ) as z.ZodType<string>,
  help,
  expected: "a provider of ONNX Runtime by name: cpu, webgpu, cuda, dml, coreml",
  ...rest,
});

/** A text, or true for a bare name. */
export const textOrFlag = (help: string, rest: { aliases?: readonly string[] } = {}) => ({
  schema: z.preprocess(
    (value) => (value === "true" ? true : value === "false" ? false : value),
    z.union([z.string().min(1), z.boolean()]),
  ) as z.ZodType<string | boolean>,
  help,
  expected: "a path, or nothing after the name",
  default: undefined,
  ...rest,
});

/** Names besides those of a table. */
export interface OtherNames {
  /** Taken as they are, for others to check. */
  readonly extra?: readonly string[];
  /** Of other programs, refused by name unless they are switched off: why, as `YOLOv5's; not here yet`. */
  readonly absent?: Readonly<Record<string, string>>;
}

/**
 * Checks what was given against a table: aliases resolved, values converted, defaults filled in. What is `extra` is handed on.
 * An empty text is as good as nothing where an option may be left out.
 * @throws UserError naming the option, what was got and what is expected, with a suggestion for a slip.
 */
export function parseTable<T extends OptionTable>(
  table: T,
  given: Readonly<Record<string, unknown>>,
  { extra = [], absent = {} }: OtherNames = {},
): { values: ValuesOf<T>; rest: Record<string, unknown> } {
  const known = knownNames(table, extra);
  const values: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const word = plain(key);
    const { name, opposite } = known.get(word) ?? unknownName(key, { value, absent, known: known.keys() });
    if (name === undefined) continue;
    const into = Object.hasOwn(table, name) ? values : rest;
    if (Object.hasOwn(into, name))
      throw new UserError(`${name} is given twice${key === name ? "" : `, once as ${key}`}`);
    if (into === rest) rest[name] = value;
    else if (value === "" && table[name].default === undefined) values[name] = undefined;
    else if (opposite) values[name] = !checked(key, table[name], value);
    else values[name] = checked(name, table[name], value);
  }
  const defaults = Object.fromEntries(Object.entries(table).map(([name, option]) => [name, option.default]));
  return { values: { ...defaults, ...values } as ValuesOf<T>, rest };
}

/** The options of a table that were given, under any of their names. */
export function givenOptions(table: OptionTable, given: Readonly<Record<string, unknown>>): Set<string> {
  const known = knownNames(table, []);
  const names = Object.entries(given).flatMap(([key, value]) =>
    value === undefined ? [] : [known.get(plain(key))?.name],
  );
  return new Set(names.filter((name) => name !== undefined));
}

interface Meaning {
  /** Undefined for what is to be passed over. */
  readonly name?: string;
  readonly opposite?: boolean;
}

function knownNames(table: OptionTable, extra: readonly string[]): Map<string, Meaning> {
  const known = new Map<string, Meaning>();
  for (const name of extra) known.set(plain(name), { name });
  for (const [name, { aliases = [], opposites = [] }] of Object.entries(table)) {
    for (const word of [name, ...aliases]) known.set(plain(word), { name });
    for (const word of opposites) known.set(plain(word), { name, opposite: true });
  }
  return known;
}

function unknownName(
  key: string,
  { value, absent, known }: { value: unknown; absent: Readonly<Record<string, string>>; known: Iterable<string> },
): Meaning {
  const word = plain(key);
  if (!Object.hasOwn(absent, word)) throw new UserError(`${key}: no such option${suggestion(word, known)}`);
  if (bool.safeParse(value).data === false) return {};
  throw new UserError(`${key}: ${absent[word]}`);
}

const plain = (name: string): string => name.replace(/^-+/, "").replace(/-/g, "_").toLowerCase();

function checked(name: string, { schema, expected }: Option, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  if (value === true) throw new UserError(`${name}: no value given; expected ${expected}`);
  throw new UserError(`${name}=${Array.isArray(value) ? value.join(",") : String(value)}: expected ${expected}`);
}
