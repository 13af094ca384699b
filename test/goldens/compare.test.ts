import { type HostArray, hostArray } from "swinyolo/graph";
import { expect, test } from "vitest";
import { checksum } from "./checksum.js";
import { comparePlain, compareTensor } from "./compare.js";
import { parseExpected, type Rule, type TensorInfo } from "./expected.js";

const floats = (values: number[], shape = [values.length]) => hostArray("float32", shape, Float32Array.from(values));
const doubles = (values: number[], shape = [values.length]) => hostArray("float64", shape, Float64Array.from(values));
const bytes = (values: number[], shape = [values.length]) => hostArray("uint8", shape, Uint8Array.from(values));

const scores = (values: number[]) => doubles(values, [2, 3]);
const columns: TensorInfo = {
  max_abs: 400,
  columns: [
    { range: [0, 2], max_abs: 400 },
    { range: [2, null], max_abs: 1, fp32_noise: 1e-5 },
  ],
};
const perColumn: Rule = {
  rule: "float",
  per_column: [
    [0, 2],
    [2, null],
  ],
};

type TensorRow = [string, boolean, HostArray, unknown, Rule, TensorInfo?];

test.each<TensorRow>([
  ["float: up to 1e-4 of the largest", true, doubles([100, 1]), doubles([100.0099, 1.0099]), { rule: "float" }],
  ["float: beyond it", false, doubles([100, 1]), doubles([100.0101, 1]), { rule: "float" }],
  [
    "float: by the max_abs that is noted",
    false,
    doubles([100]),
    doubles([100.009]),
    { rule: "float" },
    { max_abs: 50 },
  ],
  ["float: by its own relative", false, doubles([100]), doubles([100.0001]), { rule: "float", relative: 1e-7 }],
  [
    "float: 20 times the noise",
    true,
    doubles([0]),
    doubles([1.9e-5]),
    { rule: "float" },
    { max_abs: 0, fp32_noise: 1e-6 },
  ],
  [
    "float: more than that",
    false,
    doubles([0]),
    doubles([2.1e-5]),
    { rule: "float" },
    { max_abs: 0, fp32_noise: 1e-6 },
  ],
  ["float: NaN where a number is due", false, floats([1]), floats([Number.NaN]), { rule: "float" }],
  ["float: NaN where NaN is due", true, floats([Number.NaN]), floats([Number.NaN]), { rule: "float" }],
  ["float: a number where NaN is due", false, floats([Number.NaN]), floats([0]), { rule: "float" }],
  ["float: infinity", false, floats([1]), floats([Number.POSITIVE_INFINITY]), { rule: "float" }],
  ["float: another shape", false, floats([1, 2]), floats([1, 2], [2, 1]), { rule: "float" }],
  ["float: nothing", false, floats([1]), undefined, { rule: "float" }],
  ["float: an empty tensor", true, floats([], [0, 4]), floats([], [0, 4]), { rule: "float" }],
  ["float: an empty tensor of another shape", false, floats([], [0, 4]), floats([], [0, 5]), { rule: "float" }],
  ["float: whole numbers are equal", false, bytes([200]), floats([200.001]), { rule: "float" }],
  [
    "float: numbers in lists",
    true,
    doubles([1, 2, 3, 4], [2, 2]),
    [
      [1, 2],
      [3, 4],
    ],
    { rule: "float" },
  ],
  ["float: ragged lists", false, doubles([1, 2, 3, 4], [2, 2]), [[1, 2, 3], [4]], { rule: "float" }],
  [
    "per_column: each by its own",
    true,
    scores([400, 0, 0.5, 0, 0, 0.9]),
    scores([400.03, 0, 0.50005, 0, 0, 0.9]),
    perColumn,
    columns,
  ],
  [
    "per_column: a score by the bound of pixels",
    false,
    scores([400, 0, 0.5, 0, 0, 0.9]),
    scores([400, 0, 0.501, 0, 0, 0.9]),
    perColumn,
    columns,
  ],
  [
    "per_column: noise of its own",
    true,
    scores([400, 0, 0.5, 0, 0, 0.9]),
    scores([400, 0, 0.50019, 0, 0, 0.9]),
    perColumn,
    columns,
  ],
  [
    "per_element: by its own size",
    false,
    doubles([1000, 1]),
    doubles([1000, 1.001]),
    { rule: "float", per_element: true },
  ],
  ["per_element: absolute", true, doubles([0]), doubles([1e-8]), { rule: "float", per_element: true, absolute: 1e-7 }],
  ["per_element: zero without absolute", false, doubles([0]), doubles([1e-30]), { rule: "float", per_element: true }],
  ["exact", true, floats([0.1]), floats([0.1]), { rule: "exact" }],
  ["exact: the last bit", false, floats([0.1]), floats([0.1 + 2 ** -27]), { rule: "exact" }],
  ["pixels: within levels", true, bytes([10, 20]), bytes([11, 19]), { rule: "pixels", levels: 1 }],
  ["pixels: beyond", false, bytes([10, 20]), bytes([12, 20]), { rule: "pixels", levels: 1 }],
  ["pixels: the mean", false, bytes([10, 10]), bytes([12, 11]), { rule: "pixels", levels: 8, mean_levels: 1 }],
  ["pixels: the mean, just", true, bytes([10, 10]), bytes([11, 11]), { rule: "pixels", levels: 8, mean_levels: 1 }],
  [
    "pixels: a share within",
    true,
    bytes([9, 9, 9, 9]),
    bytes([9, 9, 9, 99]),
    { rule: "pixels", levels: 0, fraction: 0.75 },
  ],
  [
    "pixels: too few within",
    false,
    bytes([9, 9, 9, 9]),
    bytes([9, 9, 8, 99]),
    { rule: "pixels", levels: 0, fraction: 0.75 },
  ],
  [
    "pixels: hue goes round",
    true,
    bytes([179, 9, 9], [1, 3]),
    bytes([0, 9, 9], [1, 3]),
    { rule: "pixels", levels: 1, hue: 180 },
  ],
  [
    "pixels: only channel 0 does",
    false,
    bytes([9, 179, 9], [1, 3]),
    bytes([9, 0, 9], [1, 3]),
    { rule: "pixels", levels: 1, hue: 180 },
  ],
  ["at_least", true, doubles([1]), doubles([0.98]), { rule: "at_least", factor: 0.98 }],
  ["at_least: less", false, doubles([1]), doubles([0.979]), { rule: "at_least", factor: 0.98 }],
  ["a rule that nobody knows", false, floats([1]), floats([1]), { rule: "nearly" }],
])("%s: %s", (_, passes, expected, actual, rule, info) => {
  expect(compareTensor(expected, actual, rule, info).passed).toBe(passes);
});

const float: Rule = { rule: "float" };

test.each<[string, boolean, string, unknown, Rule]>([
  ["a number by its own size", false, "[1000.5, 1.5]", [1000.5, 1.501], float],
  ["near enough", true, "[1000.5, 1.5]", [1000.59, 1.5], float],
  ["a whole number is equal", false, "1872157", 1872158, float],
  ["1.0 is no whole number", true, "1.0", 1.00009, float],
  ["1e3 neither", false, "1e3", 1000.2, float],
  ["exact numbers", false, "1.0", 1.0000001, { rule: "exact" }],
  ["text", false, '"nearest"', "bilinear", float],
  ["a digit in a text", true, '"7.0"', "7.0", float],
  ["null", false, "null", 0, float],
  ["true is not 1", false, "true", 1, float],
  ["a number that is missing", false, "1.5", undefined, float],
  ["a shorter list", false, "[1, 2]", [1], float],
  ["a missing key", false, '{"a": 1, "b": 2}', { a: 1 }, float],
  ["a key too many", false, '{"a": 1}', { a: 1, b: 2 }, float],
  ["deep inside", false, '{"a": [{"b": [1.5]}]}', { a: [{ b: [2.5] }] }, float],
  ["keys of the language", true, '{"__proto__": [1]}', JSON.parse('{"__proto__": [1]}'), float],
  ["keys of the language, other values", false, '{"__proto__": [1]}', JSON.parse('{"__proto__": [2]}'), float],
  ["a tensor for a list", true, "[[1, 2], [3, 4]]", bytes([1, 2, 3, 4], [2, 2]), { rule: "exact" }],
  ["levels", true, "[118.2]", [118.6], { rule: "pixels", levels: 0.5 }],
  ["levels, beyond", false, "[118.2]", [118.8], { rule: "pixels", levels: 0.5 }],
  ["at least", false, "0.75", 0.7, { rule: "at_least", factor: 0.98 }],
])("expected: %s", (_, passes, expected, actual, rule) => {
  expect(comparePlain(parseExpected(expected), actual, rule).passed).toBe(passes);
});

const wave = floats(
  Array.from({ length: 60 }, (_, i) => Math.sin(i) * 3 + 0.2),
  [6, 10],
);
const swapped = { ...wave, data: wave.data.slice().reverse() };
const changed = (change: Record<string, unknown>) => ({ ...checksum(wave), ...change });
const sums: Rule = { rule: "checksum", relative: 1e-4 };
const stored = JSON.stringify({ ...checksum(wave), first: checksum(wave).first });

test.each<[string, boolean, unknown]>([
  ["the tensor", true, wave],
  ["its sums", true, checksum(wave)],
  ["another order of the same numbers", false, swapped],
  ["another shape", false, { ...wave, shape: [10, 6] }],
  ["n", false, changed({ n: 61 })],
  ["mean", false, changed({ mean: Number(checksum(wave).mean) + 0.001 })],
  ["abs_mean", false, changed({ abs_mean: Number(checksum(wave).abs_mean) * 1.001 })],
  ["cos_sum", false, changed({ cos_sum: Number(checksum(wave).cos_sum) + 0.05 })],
  ["min", false, changed({ min: -3 })],
  ["max", false, changed({ max: 3 })],
  ["the first values", false, changed({ first: [1, 2, 3, 4, 5, 6, 7, 8] })],
  ["a part that is missing", false, { n: 60 }],
  ["nothing", false, undefined],
])("checksum: %s", (_, passes, actual) => {
  expect(comparePlain(parseExpected(stored), actual, sums).passed).toBe(passes);
  expect(comparePlain(parseExpected(`{"0": [${stored}]}`), { 0: [actual] }, sums).passed).toBe(passes);
});

test("checksum: noise widens, whole numbers are equal", () => {
  const noisy = JSON.stringify({ ...checksum(wave), fp32_noise: 1e-3 });
  expect(comparePlain(parseExpected(noisy), changed({ mean: Number(checksum(wave).mean) + 0.001 }), sums).passed).toBe(
    true,
  );
  const steps = hostArray("int64", [], BigInt64Array.of(10n));
  expect(comparePlain(parseExpected('{"n": 1, "values": [10]}'), steps, sums).passed).toBe(true);
  expect(comparePlain(parseExpected('{"n": 1, "values": [9]}'), steps, sums).passed).toBe(false);
});

const rule: Rule = { rule: "detections", confidence: 0.01, pixels: 2 };
const loose: Rule = { ...rule, may_differ_below: 0.3 };
const row = (x: number, confidence: number, number = 0) => [x, 10, x + 20, 30, confidence, number];
const rows = (...all: number[][]) => doubles(all.flat(), [all.length, 6]);

test.each<[string, boolean, HostArray, HostArray, Rule]>([
  ["in another order", true, rows(row(0, 0.9), row(50, 0.8)), rows(row(50, 0.805), row(1, 0.9)), rule],
  ["another class", false, rows(row(0, 0.9)), rows(row(0, 0.9, 1)), rule],
  ["another confidence", false, rows(row(0, 0.9)), rows(row(0, 0.92)), rule],
  ["another place", false, rows(row(0, 0.9)), rows(row(2.1, 0.9)), rule],
  ["one too few", false, rows(row(0, 0.9), row(50, 0.8)), rows(row(0, 0.9)), rule],
  ["one too many", false, rows(row(0, 0.9)), rows(row(0, 0.9), row(50, 0.1)), rule],
  ["two for one partner", false, rows(row(0, 0.9), row(50, 0.8)), rows(row(0, 0.9), row(0.5, 0.9)), rule],
  ["the greedy pairing would fail", true, rows(row(0, 0.9), row(2, 0.9)), rows(row(1.9, 0.9), row(3.9, 0.9)), rule],
  ["a faint one may go", true, rows(row(0, 0.9), row(50, 0.29)), rows(row(0, 0.9)), loose],
  ["a faint one may come", true, rows(row(0, 0.9)), rows(row(0, 0.9), row(50, 0.29)), loose],
  ["a clear one may not", false, rows(row(0, 0.9), row(50, 0.31)), rows(row(0, 0.9)), loose],
  ["none", true, rows(), rows(), rule],
  ["NaN", false, rows(row(0, 0.9)), rows(row(0, Number.NaN)), rule],
])("detections: %s", (_, passes, expected, actual, by) => {
  expect(compareTensor(expected, actual, by).passed).toBe(passes);
});

test("detections as objects count by their corners in the network input", () => {
  const expected = parseExpected(
    '[{"class": 0, "name": "person", "confidence": 0.5, "xyxy": [0, 0, 9, 9], "xyxy_in_network_input": [1.0, 2.0, 3.5, 4.5]}]',
  );
  const found = (x: number) => [{ class: 0, confidence: 0.5, xyxy_in_network_input: [x, 2, 3.5, 4.5] }];
  expect(comparePlain(expected, found(2.9), rule).passed).toBe(true);
  expect(comparePlain(expected, found(3.1), rule).passed).toBe(false);
  expect(comparePlain(expected, [{ class: 0, confidence: 0.5, xyxy: [1, 2, 3.5, 4.5] }], rule).passed).toBe(false);
});
