import { UserError } from "../../errors/index.js";
import { PickleObject, type PickleValue } from "./pickle.js";
import { TensorRef } from "./torchTensor.js";

/** What a checkpoint says besides its tensors, as plain data. */
export interface CheckpointInfo {
  names?: string[];
  yaml?: Record<string, unknown>;
  stride?: number[];
  epoch?: number;
}

/** The state_dict of a checkpoint, before its numbers are read. */
export interface FoundState {
  entries: Map<string, TensorRef>;
  /** Names of those that are parameters; known of a whole pickled model only. */
  parameters?: Set<string>;
  skipped: string[];
  info: CheckpointInfo;
}

/** Finds the state_dict in what a pickle holds; a UserError where there is no tensor. */
export function findState(root: PickleValue): FoundState {
  const found = stateIn(root, 0);
  if (!found) throw new UserError(`it holds no tensors${contentsOf(root)}`);
  if (root instanceof Map) {
    const epoch = root.get("epoch");
    if (typeof epoch === "number") found.info.epoch = epoch;
    found.info.names ??= namesOf(root.get("names"));
    found.info.yaml ??= recordOf(root.get("yaml"));
  }
  return unwrapped(found);
}

// Where checkpoints keep the weights, the one to prefer first.
const places = ["ema", "model", "state_dict", "model_state_dict", "net", "weights"];

function stateIn(value: PickleValue | undefined, depth: number): FoundState | undefined {
  if (value instanceof PickleObject) return ofModule(value) ?? ofMap(value.entries);
  if (!(value instanceof Map)) return undefined;
  const own = ofMap(value);
  if (own || depth === 3) return own;
  for (const place of places) {
    const found = stateIn(value.get(place), depth + 1);
    if (found) return found;
  }
  return undefined;
}

function ofMap(map: Map<PickleValue, PickleValue>): FoundState | undefined {
  const entries = new Map<string, TensorRef>();
  const skipped: string[] = [];
  for (const [name, value] of map) {
    if (value instanceof TensorRef) entries.set(String(name), value);
    else skipped.push(String(name));
  }
  return entries.size > 0 ? { entries, skipped, info: {} } : undefined;
}

const maxModules = 100_000;

// Parameters, then buffers, then children, as PyTorch's state_dict() lists them.
function ofModule(model: PickleObject): FoundState | undefined {
  const entries = new Map<string, TensorRef>();
  const parameters = new Set<string>();
  const skipped: string[] = [];
  const open: { prefix: string; module: PickleObject; depth: number }[] = [{ prefix: "", module: model, depth: 0 }];
  for (let count = 0; open.length > 0; count++) {
    const { prefix, module, depth } = open.pop()!;
    if (count === maxModules || depth > 100) throw new UserError("a model of endless modules");
    const state = attributes(module);
    const transient = state.get("_non_persistent_buffers_set");
    for (const [name, value] of children(state, "_parameters")) {
      if (value instanceof TensorRef) parameters.add(prefix + name);
    }
    for (const [name, value] of [...children(state, "_parameters"), ...children(state, "_buffers")]) {
      if (transient instanceof Set && transient.has(name)) continue;
      if (value instanceof TensorRef) entries.set(prefix + name, value);
      else if (value !== null) skipped.push(prefix + name);
    }
    for (const [name, value] of children(state, "_modules").reverse()) {
      if (value instanceof PickleObject) open.push({ prefix: `${prefix}${name}.`, module: value, depth: depth + 1 });
      else if (value !== null) skipped.push(prefix + name);
    }
  }
  return entries.size > 0 ? { entries, parameters, skipped, info: infoOf(attributes(model)) } : undefined;
}

// The instance's __dict__; with slots it is the first of two.
function attributes({ state }: PickleObject): Map<PickleValue, PickleValue> {
  const dictionary = Array.isArray(state) ? state[0] : state;
  return dictionary instanceof Map ? dictionary : new Map();
}

function children(state: Map<PickleValue, PickleValue>, kind: string): [string, PickleValue][] {
  const map = state.get(kind);
  return map instanceof Map ? [...map].filter((entry): entry is [string, PickleValue] => isText(entry[0])) : [];
}

const isText = (value: PickleValue): value is string => typeof value === "string";

function infoOf(state: Map<PickleValue, PickleValue>): CheckpointInfo {
  return {
    names: namesOf(state.get("names")),
    yaml: recordOf(state.get("yaml")),
    stride: numbersOf(state.get("stride")),
  };
}

// A list, or a dictionary from the class number.
function namesOf(value: PickleValue | undefined): string[] | undefined {
  const names = value instanceof Map ? Array.from({ length: value.size }, (_, i) => value.get(i)) : value;
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
}

function numbersOf(value: PickleValue | undefined): number[] | undefined {
  if (Array.isArray(value) && value.every((x) => typeof x === "number")) return value;
  if (!(value instanceof TensorRef) || value.shape.length !== 1 || value.shape[0] > 64) return undefined;
  const { storage, dtype, offset, shape, strides } = value;
  if (dtype === "float16" || dtype === "bfloat16") return undefined;
  const from = storage.as(dtype);
  return Array.from({ length: shape[0] }, (_, i) => Number(from[offset + i * strides[0]]));
}

function recordOf(value: PickleValue | undefined): Record<string, unknown> | undefined {
  if (!(value instanceof Map)) return undefined;
  return plain(value, { values: 100_000 }, 0) as Record<string, unknown>;
}

// Lists, dictionaries, texts and numbers; whatever else there is becomes null. Bounded, since values may be shared.
function plain(value: PickleValue, budget: { values: number }, depth: number): unknown {
  if (--budget.values < 0 || depth > 32) throw new UserError("a model description that is endless");
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, entry]) => [String(key), plain(entry, budget, depth + 1)]));
  }
  if (Array.isArray(value)) return value.map((entry) => plain(entry, budget, depth + 1));
  return typeof value === "bigint" ? Number(value) : typeof value === "object" ? null : value;
}

// A model wrapped in DataParallel has all its names under `module.`.
function unwrapped(found: FoundState): FoundState {
  const prefix = "module.";
  if (![...found.entries.keys()].every((name) => name.startsWith(prefix))) return found;
  const cut = (name: string) => name.slice(prefix.length);
  return {
    ...found,
    entries: new Map([...found.entries].map(([name, tensor]) => [cut(name), tensor])),
    parameters: found.parameters && new Set([...found.parameters].map(cut)),
  };
}

function contentsOf(root: PickleValue): string {
  if (root instanceof PickleObject) return `: an object of class ${root.name}`;
  if (!(root instanceof Map) || root.size === 0) return "";
  const keys = [...root.keys()].slice(0, 8).map((key) => String(key).slice(0, 40));
  return `: its keys are ${keys.join(", ")}${root.size > 8 ? ", ..." : ""}`;
}
