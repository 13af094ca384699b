import { elements, type HostArray, toFloat64 } from "swinyolo/graph";
import { checksum, isFloat } from "./checksum.js";
import { compareDetections } from "./detections.js";
import { asArray, type Expected, FloatNumber, isHostArray, isObject, type Rule, type TensorInfo } from "./expected.js";
import { fail, pass, type Verdict, within, worst } from "./verdict.js";

/** Compares a tensor with the stored one by a rule. */
export function compareTensor(expected: HostArray, actual: unknown, rule: Rule, info: TensorInfo = {}): Verdict {
  if (rule.rule === "detections") return compareDetections(expected, actual, rule);
  if (rule.rule === "checksum") return compareChecksum(checksum(expected) as Record<string, Expected>, actual, rule);
  const result = asArray(actual);
  if (!result) return fail(`${kindOf(actual)}, a tensor expected`);
  if (!sameShape(expected.shape, result.shape)) return fail(`shape [${result.shape}], [${expected.shape}] expected`);
  const [want, got] = [toFloat64(expected), toFloat64(result)];
  switch (rule.rule) {
    case "float":
      if (!isFloat(expected)) return equalValues(want, got);
      if (rule.per_element) return perElement(want, got, rule);
      return floatColumns({ want, got, shape: expected.shape }, rule, info);
    case "exact":
      return equalValues(want, got);
    case "pixels":
      return pixels({ want, got, shape: expected.shape }, rule);
    case "at_least":
      return worst(Array.from(want, (value, i) => atLeast(value, got[i], rule)));
    default:
      return fail(`unknown rule ${rule.rule}`);
  }
}

/** Compares a plain value with the one of `expected` by a rule; inside lists and objects everything must be there. */
export function comparePlain(expected: Expected, actual: unknown, rule: Rule): Verdict {
  if (rule.rule === "detections") return compareDetections(expected, actual, rule);
  if (rule.rule === "checksum" && isChecksum(expected)) return compareChecksum(expected, actual, rule);
  if (Array.isArray(expected)) return compareList(expected, actual, rule);
  if (isObject(expected)) return compareObject(expected, actual, rule);
  if (expected instanceof FloatNumber || typeof expected === "number") return compareNumber(expected, actual, rule);
  return actual === expected ? pass : fail(`${show(actual)}, ${show(expected)} expected`);
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((d, i) => d === b[i]);

// NaN stands for NaN, an infinity for itself.
function difference(want: number, got: number): number {
  if (want === got || (Number.isNaN(want) && Number.isNaN(got))) return 0;
  const d = Math.abs(want - got);
  return Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
}

function equalValues(want: Float64Array, got: Float64Array): Verdict {
  let unequal = 0;
  let first = -1;
  for (let i = 0; i < want.length; i++) {
    if (difference(want[i], got[i]) === 0) continue;
    unequal++;
    if (first < 0) first = i;
  }
  const detail =
    unequal > 0 ? `${unequal} of ${want.length} differ, first [${first}]: ${got[first]}, ${want[first]} expected` : "";
  return within(unequal, 0, detail);
}

interface Pair {
  want: Float64Array;
  got: Float64Array;
  shape: readonly number[];
}

const relativeOf = ({ relative = 1e-4 }: Rule) => relative;

// One bound for each range of the last axis, or one for all.
function floatColumns(pair: Pair, rule: Rule, info: TensorInfo): Verdict {
  const ranges = rule.per_column ?? [[0, null]];
  return worst(
    ranges.map(([from, to]) => {
      const noted = rule.per_column ? info.columns?.find(({ range }) => range[0] === from && range[1] === to) : info;
      const { largest, furthest, at } = inColumns(pair, from, to);
      const bound = Math.max(relativeOf(rule) * (noted?.max_abs ?? largest), 20 * (noted?.fp32_noise ?? 0));
      const place = `[${at}]: ${pair.got[at]}, ${pair.want[at]} expected`;
      return within(furthest, bound, rule.per_column ? `columns ${from}..${to ?? ""} ${place}` : place);
    }),
  );
}

function inColumns({ want, got, shape }: Pair, from: number, to: number | null) {
  const width = shape.at(-1) ?? 1;
  let [largest, furthest, at] = [0, 0, 0];
  for (let i = 0; i < want.length; i++) {
    const column = i % width;
    if (column < from || (to !== null && column >= to)) continue;
    const d = difference(want[i], got[i]);
    if (d > furthest) [furthest, at] = [d, i];
    if (Math.abs(want[i]) > largest) largest = Math.abs(want[i]);
  }
  return { largest, furthest, at };
}

function perElement(want: Float64Array, got: Float64Array, rule: Rule): Verdict {
  let found = pass;
  for (let i = 0; i < want.length; i++) {
    const verdict = element(want[i], got[i], rule, `[${i}]: ${got[i]}, ${want[i]} expected`);
    found = worst([found, verdict]);
  }
  return found;
}

const element = (want: number, got: number, rule: Rule, detail: string): Verdict =>
  within(difference(want, got), Math.max(relativeOf(rule) * Math.abs(want), rule.absolute ?? 0), detail);

function pixels({ want, got, shape }: Pair, { levels, mean_levels, fraction = 1, hue }: Rule): Verdict {
  if (levels === undefined) return fail("a rule without levels");
  const channels = shape.at(-1) ?? 1;
  const distances = Float64Array.from(want, (value, i) => {
    const d = difference(value, got[i]);
    return hue !== undefined && i % channels === 0 ? Math.min(d, Math.abs(hue - d)) : d;
  });
  const n = Math.max(1, distances.length);
  const inside = distances.reduce((count, d) => count + (d <= levels ? 1 : 0), 0) + n - distances.length;
  const furthest = distances.reduce((a, b) => Math.max(a, b), 0);
  const counts =
    fraction < 1
      ? {
          ...within(1 - inside / n, 1 - fraction, `${inside} of ${n} within ${levels} levels, ${furthest} at most`),
          passed: inside >= fraction * n,
        }
      : within(furthest, levels, `${n - inside} of ${n} beyond ${levels} levels`);
  if (mean_levels === undefined) return counts;
  const mean = distances.reduce((a, b) => a + b, 0) / n;
  return worst([counts, within(mean, mean_levels, `mean difference ${mean}`)]);
}

// The error is what is missing to the bound.
function atLeast(want: number, got: number, { factor }: Rule): Verdict {
  if (factor === undefined) return fail("a rule without factor");
  const passed = got >= factor * want;
  return {
    passed,
    error: Math.max(0, want - got),
    bound: Math.abs(want) * (1 - factor),
    detail: `${got}, ${factor} * ${want} expected`,
  };
}

function compareNumber(expected: number | FloatNumber, actual: unknown, rule: Rule): Verdict {
  const isWhole = typeof expected === "number" && Number.isInteger(expected);
  const want = expected instanceof FloatNumber ? expected.value : expected;
  const got = isHostArray(actual) && actual.data.length === 1 ? toFloat64(actual)[0] : actual;
  if (typeof got !== "number") return fail(`${show(actual)}, ${want} expected`);
  const detail = `${got}, ${want} expected`;
  switch (rule.rule) {
    case "float":
      return isWhole ? within(difference(want, got), 0, detail) : element(want, got, rule, detail);
    case "exact":
    case "checksum":
      return within(difference(want, got), 0, detail);
    case "pixels":
      return pixels({ want: Float64Array.of(want), got: Float64Array.of(got), shape: [] }, rule);
    case "at_least":
      return atLeast(want, got, rule);
    default:
      return fail(`unknown rule ${rule.rule}`);
  }
}

function compareList(expected: Expected[], actual: unknown, rule: Rule): Verdict {
  const list = isHostArray(actual) ? nested(actual) : actual;
  if (!Array.isArray(list)) return fail(`${show(actual)}, a list of ${expected.length} expected`);
  if (list.length !== expected.length) return fail(`a list of ${list.length}, ${expected.length} expected`);
  return worst(expected.map((value, i) => inside(`[${i}]`, comparePlain(value, list[i], rule))));
}

function compareObject(expected: Record<string, Expected>, actual: unknown, rule: Rule): Verdict {
  if (!isObject(actual)) return fail(`${show(actual)}, an object expected`);
  const extra = Object.keys(actual).filter((key) => !Object.hasOwn(expected, key));
  if (extra.length > 0) return fail(`${extra.slice(0, 3).join(", ")}: not expected`);
  return worst(
    Object.entries(expected).map(([key, value]) =>
      Object.hasOwn(actual, key) ? inside(`.${key}`, comparePlain(value, actual[key], rule)) : fail(`.${key}: missing`),
    ),
  );
}

const isChecksum = (value: Expected): value is Record<string, Expected> =>
  isObject(value) && Object.hasOwn(value, "n") && (Object.hasOwn(value, "cos_sum") || Object.hasOwn(value, "values"));

function compareChecksum(expected: Record<string, Expected>, actual: unknown, rule: Rule): Verdict {
  const got = isHostArray(actual) ? checksum(actual) : actual;
  if (!isObject(got)) return fail(`${show(actual)}, a tensor or a checksum expected`);
  const relative = relativeOf(rule);
  const number = (key: string) => numberOf(expected[key]);
  const noise = 20 * (Object.hasOwn(expected, "fp32_noise") ? number("fp32_noise") : 0);
  // A tensor that is zero in exact arithmetic (a shift that a batch norm removes) is rounding noise and nothing else.
  const isNoise = noise > 20 * number("abs_mean");
  const span = relative * Math.max(Math.abs(number("min")), Math.abs(number("max"))) + noise;
  const bounds: Record<string, number> = {
    n: 0,
    shape: 0,
    values: 0,
    mean: relative * number("abs_mean") + noise,
    abs_mean: relative * number("abs_mean") + noise,
    cos_sum: relative * number("abs_mean") * number("n") + (isNoise ? noise : 0),
    min: span,
    max: span,
    first: span,
  };
  const verdicts = Object.entries(expected).map(([key, value]) => {
    if (key === "fp32_noise" || key === "dtype") return pass;
    if (!Object.hasOwn(bounds, key)) return fail(`.${key}: not a part of a checksum`);
    if (!Object.hasOwn(got, key)) return fail(`.${key}: missing`);
    return inside(`.${key}`, numbersWithin(value, got[key], bounds[key], key === "first" || key === "values"));
  });
  return worst(verdicts);
}

// A list of `first` values, or of the first whole numbers of a long tensor, may be longer on our side: `n` counts them all.
function numbersWithin(expected: Expected, actual: Expected, bound: number, prefix: boolean): Verdict {
  if (!Array.isArray(expected)) {
    const [want, got] = [numberOf(expected), numberOf(actual)];
    return within(difference(want, got), bound, `${got}, ${want} expected`);
  }
  if (!Array.isArray(actual)) return fail(`${show(actual)}, a list expected`);
  if (prefix ? actual.length < expected.length : actual.length !== expected.length) {
    return fail(`${actual.length} numbers, ${expected.length} expected`);
  }
  return worst(expected.map((value, i) => inside(`[${i}]`, numbersWithin(value, actual[i], bound, prefix))));
}

const numberOf = (value: Expected | undefined): number =>
  value instanceof FloatNumber ? value.value : typeof value === "number" ? value : Number.NaN;

const inside = (place: string, verdict: Verdict): Verdict =>
  verdict === pass
    ? pass
    : { ...verdict, detail: /^[.[]/.test(verdict.detail) ? place + verdict.detail : `${place}: ${verdict.detail}` };

function nested({ shape, data }: HostArray): unknown {
  let list: unknown[] = Array.from(data as ArrayLike<number | bigint>, Number);
  for (let axis = shape.length - 1; axis > 0; axis--) {
    const rows = elements(shape.slice(0, axis));
    list = Array.from({ length: rows }, (_, i) => list.slice(i * shape[axis], (i + 1) * shape[axis]));
  }
  return shape.length === 0 ? list[0] : list;
}

const kindOf = (value: unknown) => (value === undefined ? "missing" : Array.isArray(value) ? "a list" : typeof value);

function show(value: unknown): string {
  if (value === undefined) return "missing";
  if (isHostArray(value)) return `a tensor of shape [${value.shape}]`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
