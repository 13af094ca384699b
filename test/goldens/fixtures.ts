import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseSafetensors } from "swinyolo/engine";
import { type HostArray, toFloat32 } from "swinyolo/graph";
import type { GoldenCase } from "./cases.js";
import { type Expected, isObject, parseExpected, type Rule, type TensorInfo } from "./expected.js";

/** A case that was found, or what is wrong with its description. */
export type Found = { name: string } & ({ kind: string; open: () => OpenCase } | { problem: string });

/** A case with what its results must be. */
export interface OpenCase {
  case: GoldenCase;
  expectations: Expectation[];
  hostile?: { expect: "accept" | "reject" | "either" };
}

/** What one result must be, by which rule. */
export type Expectation = { result: string; rule: Rule } & (
  | { tensor: HostArray; info: TensorInfo }
  | { tensors: HostArray[]; infos: TensorInfo[] }
  | { value: Expected }
);

/** The cases of every fixture under a folder, in the order of their paths; nothing is read beyond the JSON. */
export function discover(folder: string): Found[] {
  return [...inFolder(folder, resolve(folder))];
}

type Json = Record<string, unknown>;

function* inFolder(root: string, folder: string): Generator<Found> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  let hostile = false;
  for (const file of files) {
    if (file.endsWith(".safetensors") && !files.includes(file.replace(/safetensors$/, "json"))) {
      yield { name: nameOf(root, join(folder, file)), problem: "a file of tensors without its JSON" };
    }
    if (!file.endsWith(".json")) continue;
    const found = [...inFile(root, join(folder, file))];
    hostile ||= found.some((one) => "kind" in one && one.kind.startsWith("hostile_"));
    yield* found;
  }
  // The files of a hostile folder are no fixtures: its manifest says what they are.
  if (hostile) return;
  for (const entry of entries) if (entry.isDirectory()) yield* inFolder(root, join(folder, entry.name));
}

const nameOf = (root: string, file: string) =>
  relative(root, file)
    .replace(/\.(json|safetensors)$/, "")
    .split(sep)
    .join("/");

function* inFile(root: string, file: string): Generator<Found> {
  const name = nameOf(root, file);
  try {
    const json: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (!isJson(json) || typeof json.kind !== "string") throw new Error("no kind");
    const fixture = new Fixture(root, file, json);
    if (json.kind === "cases") yield* severals(fixture, name, list(json.cases, "cases"));
    else if (json.kind === "hostile") yield* severals(fixture, dirname(name), list(json.files, "files"));
    else yield { name, kind: json.kind, open: () => fixture.open(name, json) };
  } catch (error) {
    yield { name, problem: `cannot be read: ${error instanceof Error ? error.message : error}` };
  }
}

// A case takes a key that it lacks from the file.
function* severals(fixture: Fixture, name: string, cases: Json[]): Generator<Found> {
  const { cases: _, files: __, tensors: ___, expect: ____, ...common } = fixture.json;
  for (const [i, own] of cases.entries()) {
    const full = `${name}/${own.case ?? own.file ?? i}`;
    if (typeof own.kind !== "string") yield { name: full, problem: "no kind" };
    else yield { name: full, kind: own.kind, open: () => fixture.open(full, { ...common, ...own }, i) };
  }
}

class Fixture {
  constructor(
    private readonly root: string,
    private readonly file: string,
    readonly json: Json,
  ) {}

  private loaded?: Map<string, HostArray>;
  private marked?: Expected;

  open(name: string, raw: Json, index?: number): OpenCase {
    const c = this.caseOf(name, raw);
    const rule = ruleOf(raw.tolerance);
    if (typeof raw.expect === "string") return { case: c, ...hostileOf(raw, rule, this.expectedOf(raw, index)) };
    const expectations = [...this.tensorsOf(raw, rule), ...plainOf(this.expectedOf(raw, index).expected, rule)];
    if (expectations.length === 0) throw new Error("nothing is asked for");
    return { case: c, expectations };
  }

  private caseOf(name: string, raw: Json): GoldenCase {
    const inputs = record(raw.inputs, "inputs");
    const { kind, module, args, options, model_yaml, expected } = raw;
    const input = (key: string) => {
      const of = member(inputs, key, "input");
      return Array.isArray(of) ? of.map((one) => this.tensor(text(one))) : this.tensor(text(of));
    };
    return {
      name,
      kind: text(kind),
      module: module === undefined ? undefined : text(module),
      args: record(args, "args"),
      options: record(options, "options"),
      model_yaml: model_yaml === undefined ? undefined : record(model_yaml, "model_yaml"),
      expected: record(expected, "expected"),
      raw,
      inputs: Object.keys(inputs),
      input,
      array: (key) => single(input(key), key),
      list: (key) => [input(key)].flat(),
      tensors: this.has() ? [...this.tensors.keys()] : [],
      tensor: (key) => this.tensor(key),
      state: () => this.stateOf(raw.state),
      asset: (key) => resolve(this.root, text(member(record(raw.assets, "assets"), key, "asset"))),
      file: typeof raw.file === "string" ? join(dirname(this.file), raw.file) : undefined,
    };
  }

  private has = (): boolean => isJson(this.json.tensors) && Object.keys(this.json.tensors).length > 0;

  private get tensors(): Map<string, HostArray> {
    this.loaded ??= parseSafetensors(readFileSync(this.file.replace(/json$/, "safetensors"))).tensors;
    return this.loaded;
  }

  private tensor(name: string): HostArray {
    const found = this.tensors.get(name);
    if (!found) throw new Error(`no tensor ${name} in the fixture`);
    return found;
  }

  private stateOf(state: unknown): Map<string, HostArray> {
    if (state === undefined) return new Map();
    const own = text(state) === nameOf(resolve(this.root), this.file);
    if (!own) return widened(parseSafetensors(readFileSync(resolve(this.root, `${text(state)}.safetensors`))).tensors);
    const prefix = "state.";
    const mine = [...this.tensors].filter(([name]) => name.startsWith(prefix));
    return widened(new Map(mine.map(([name, tensor]) => [name.slice(prefix.length), tensor])));
  }

  private *tensorsOf(raw: Json, rule: RuleOf): Generator<Expectation> {
    const infos = record(this.json.tensors, "tensors");
    const info = (name: string) => (isJson(infos[name]) ? infos[name] : {}) as TensorInfo;
    const outputs = raw.outputs === undefined ? this.unclaimed(raw) : Object.entries(record(raw.outputs, "outputs"));
    for (const [result, of] of outputs) {
      if (Array.isArray(of)) {
        const names = of.map(text);
        yield { result, rule: rule(result), tensors: names.map((n) => this.tensor(n)), infos: names.map(info) };
      } else yield { result, rule: rule(result), tensor: this.tensor(text(of)), info: info(text(of)) };
    }
  }

  // Without `outputs`: all tensors that no case takes or gives, under their own names.
  private unclaimed(raw: Json): [string, string][] {
    if (!this.has()) return [];
    const cases = Array.isArray(this.json.cases) ? (this.json.cases as Json[]) : [];
    const claims = [raw, this.json, ...cases].flatMap(({ inputs, outputs, unused }) => [
      ...Object.values(record(inputs, "inputs")).flat(),
      ...Object.values(record(outputs, "outputs")).flat(),
      ...(Array.isArray(unused) ? unused : []),
    ]);
    const left = [...this.tensors.keys()].filter(
      (name) => !claims.includes(name) && !name.startsWith("state.") && !name.startsWith("probe"),
    );
    return left.map((name) => [name, name]);
  }

  // The same JSON once more, in which numbers written as floats are told from whole ones.
  private expectedOf(raw: Json, index?: number): Record<string, Expected> {
    this.marked ??= parseExpected(readFileSync(this.file, "utf8"));
    const of = isObject(this.marked) ? this.marked : {};
    if (index === undefined) return of;
    const own = (of.cases ?? of.files) as Record<string, Expected>[];
    return raw.expected !== undefined && own[index].expected === undefined ? of : own[index];
  }
}

type RuleOf = (result: string) => Rule;

function ruleOf(tolerance: unknown): RuleOf {
  const all = record(tolerance, "tolerance");
  const of = record(all.of, "of");
  return (result) => {
    const rule = Object.hasOwn(of, result) ? record(of[result], result) : all;
    if (typeof rule.rule !== "string") throw new Error(`no tolerance for ${result}`);
    return rule as unknown as Rule;
  };
}

function plainOf(expected: Expected | undefined, rule: RuleOf): Expectation[] {
  if (!isObject(expected)) return [];
  return Object.entries(expected).map(([result, value]) => ({ result, rule: rule(result), value }));
}

// What an accepted file holds: tensors by name, the rows of a label file, or facts of a decoded picture.
function hostileOf(raw: Json, rule: RuleOf, expected: Record<string, Expected>) {
  const { expect } = raw;
  if (expect !== "accept" && expect !== "reject" && expect !== "either") throw new Error(`expect ${expect}`);
  const hostile = { expect } as const;
  if (expect !== "accept") return { expectations: [], hostile };
  const { values, reference } = expected;
  if (isObject(values)) return { expectations: [{ result: "values", rule: rule("values"), value: values }], hostile };
  const facts = ["rows", "decoded_shape_hwc", "mean_rgb", "pixel_0_0_rgb", "pixel_last_rgb"];
  const given = isObject(reference) ? facts.filter((fact) => (reference[fact] ?? null) !== null) : [];
  const of = (result: string) => (reference as Record<string, Expected>)[result];
  return { expectations: given.map((result) => ({ result, rule: rule(result), value: of(result) })), hostile };
}

const widened = (tensors: Map<string, HostArray>): Map<string, HostArray> =>
  new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      tensor.dtype === "float16" ? { ...tensor, dtype: "float32", data: toFloat32(tensor) } : tensor,
    ]),
  );

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

function record(value: unknown, what: string): Json {
  if (value === undefined) return {};
  if (!isJson(value)) throw new Error(`${what} is not an object`);
  return value;
}

function list(value: unknown, what: string): Json[] {
  if (!Array.isArray(value) || !value.every(isJson)) throw new Error(`no list of ${what}`);
  return value;
}

function member(of: Json, key: string, what: string): unknown {
  if (!Object.hasOwn(of, key)) throw new Error(`no ${what} ${key} in the fixture, only ${Object.keys(of).join(", ")}`);
  return of[key];
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`${JSON.stringify(value)} where a name is expected`);
  return value;
}

function single(value: HostArray | HostArray[], name: string): HostArray {
  if (Array.isArray(value)) throw new Error(`input ${name} is a list`);
  return value;
}
