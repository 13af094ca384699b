import { suggestion, UserError } from "../../errors/index.js";
import {
  type Arg,
  type Args,
  type ArgValue,
  anchorList,
  type ModelKey,
  modelKeys,
  upTo,
  whole,
} from "../blocks/define.js";

/** A row of a model YAML: from which layers, how often, which module, its arguments. */
export interface Row {
  readonly from: number | readonly number[];
  readonly number: number;
  readonly module: string;
  readonly args: readonly ArgValue[];
  /** Arguments by name: what a map at the end of the list holds. */
  readonly named: Args;
  /** Where the row stands: `file:line:column`. */
  readonly place: string;
}

/** A model YAML, checked. */
export interface ModelConfig {
  readonly nc: number;
  readonly depth: number;
  readonly width: number;
  /** For every level w, h, w, h, ... in pixels, or how many anchors a level gets. */
  readonly anchors: readonly (readonly number[])[] | number;
  readonly ch: number;
  /** Text such as nn.LeakyReLU(0.1). */
  readonly activation?: string;
  /** What rows take where they say nothing of their own: windows of Swin V2 rows. */
  readonly shared: Readonly<Partial<Record<ModelKey, ArgValue>>>;
  readonly rows: readonly Row[];
  readonly backboneRows: number;
}

/** Says where in the YAML a key or item stands. */
export type Place = (...path: (string | number)[]) => string;

const keys = [
  "nc",
  "depth_multiple",
  "width_multiple",
  "anchors",
  "backbone",
  "head",
  "activation",
  "ch",
  "inplace",
  ...modelKeys,
];
const mostRows = 1000;
const mostRepeats = 200;

/**
 * Checks the plain contents of a model YAML.
 * @throws UserError with the place, what was got and what is expected.
 */
export function readModelConfig(
  value: unknown,
  place: Place,
  overrides: { nc?: number; ch?: number } = {},
): ModelConfig {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UserError(`${place()}: a model with keys ${keys.join(", ")} expected`);
  }
  const yaml = value as Record<string, unknown>;
  checkKeys(yaml, place);
  for (const key of ["backbone", "head"]) {
    if (!Array.isArray(yaml[key])) {
      throw new UserError(`${place(key)}: ${key}: got ${show(yaml[key]).slice(0, 80)}, expected a list of rows`);
    }
  }
  const number = (key: string, fallback: number | undefined, ok: (n: number) => boolean, expected: string): number => {
    const got = yaml[key] ?? fallback;
    if (typeof got !== "number" || !ok(got))
      throw new UserError(`${place(key)}: ${key}: got ${show(got)}, expected ${expected}`);
    return got;
  };
  const isCount = (n: number) => Number.isInteger(n) && n >= 1 && n <= 65536;
  const isGain = (n: number) => n > 0 && n <= 64;
  const sections = ["backbone", "head"].map((key) =>
    (yaml[key] as unknown[]).map((row, i) => readRow(row, place(key, i))),
  );
  const rows = sections.flat();
  if (rows.length > mostRows)
    throw new UserError(`${place("head")}: ${rows.length} rows, expected at most ${mostRows}`);
  return {
    nc: overrides.nc ?? number("nc", 80, isCount, "a whole number of classes over 0"),
    depth: number("depth_multiple", 1, isGain, "a number over 0"),
    width: number("width_multiple", 1, isGain, "a number over 0"),
    anchors: readAnchors(yaml.anchors, place),
    ch: overrides.ch ?? number("ch", 3, isCount, "a whole number of channels over 0"),
    activation: readActivation(yaml.activation, place),
    shared: readShared(yaml, place),
    rows,
    backboneRows: sections[0].length,
  };
}

const show = (value: unknown): string => JSON.stringify(value) ?? "nothing";

// Keys of other tools are left alone; one that nearly is ours was meant.
function checkKeys(yaml: Record<string, unknown>, place: Place): void {
  for (const key of Object.keys(yaml)) {
    const near = key.length > 3 && !keys.includes(key) ? suggestion(key, keys) : "";
    if (near) throw new UserError(`${place(key)}: key "${key}" is not known${near}`);
  }
}

function readRow(row: unknown, place: string): Row {
  if (!Array.isArray(row) || row.length !== 4)
    throw new UserError(`${place}: got ${show(row).slice(0, 80)}, expected a row [from, number, module, args]`);
  const [from, number, module, args] = row as unknown[];
  const isIndex = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value);
  const isFrom = isIndex(from) || (Array.isArray(from) && from.length > 0 && from.every(isIndex));
  if (!isFrom) throw new UserError(`${place}: from: got ${show(from)}, expected a layer number or a list of them`);
  if (!isIndex(number) || number < 1 || number > mostRepeats)
    throw new UserError(`${place}: number: got ${show(number)}, expected a whole number from 1 to ${mostRepeats}`);
  if (typeof module !== "string")
    throw new UserError(`${place}: module: got ${show(module)}, expected the name of a module`);
  if (!Array.isArray(args)) throw new UserError(`${place}: args: got ${show(args)}, expected a list`);
  const last: unknown = args.at(-1);
  const named = typeof last === "object" && last !== null && !Array.isArray(last) ? (last as Args) : undefined;
  const listed = (named ? args.slice(0, -1) : args) as ArgValue[];
  return { from: from as Row["from"], number, module, args: listed, named: named ?? {}, place };
}

const sharedKeys: Readonly<Record<ModelKey, Arg>> = { window: upTo(48), pretrained_window: whole };

function readShared(yaml: Record<string, unknown>, place: Place): ModelConfig["shared"] {
  const given = modelKeys.filter((key) => yaml[key] !== undefined);
  for (const key of given) {
    const { accepts, expected } = sharedKeys[key];
    if (!accepts(yaml[key] as ArgValue))
      throw new UserError(`${place(key)}: ${key}: got ${show(yaml[key])}, expected ${expected}`);
  }
  return Object.fromEntries(given.map((key) => [key, yaml[key] as ArgValue]));
}

function readAnchors(anchors: unknown, place: Place): ModelConfig["anchors"] {
  const isEmpty = Array.isArray(anchors) && anchors.length === 0;
  if (anchors === undefined || isEmpty || !anchorList.accepts(anchors as ArgValue)) {
    throw new UserError(
      `${place("anchors")}: anchors: got ${show(anchors).slice(0, 80)}, expected ${anchorList.expected}`,
    );
  }
  return anchors as ModelConfig["anchors"];
}

function readActivation(activation: unknown, place: Place): string | undefined {
  if (activation === undefined || activation === null) return undefined;
  if (typeof activation !== "string")
    throw new UserError(`${place("activation")}: activation: got ${show(activation)}, expected text such as nn.SiLU()`);
  return activation;
}
