import fc from "fast-check";
import { castArray, float16Bits, float16Value, hostArray, toBfloat16, toFloat16, toFloat32 } from "swinyolo/graph";
import { expect, test } from "vitest";

const floats = (...values: number[]) => hostArray("float32", [values.length], Float32Array.from(values));

test("every half but NaN survives the way to float32 and back", () => {
  const all = Array.from({ length: 65536 }, (_, bits) => bits);
  const changed = all.filter((bits) => !Number.isNaN(float16Value(bits)) && float16Bits(float16Value(bits)) !== bits);
  expect(changed).toEqual([]);
});

test("halves are rounded to the nearest, ties to even", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, min: -65000, max: 65000 }), (value) => {
      const bits = float16Bits(value);
      const [below, at, above] = [bits - 1, bits, bits + 1].map((b) => Math.abs(float16Value(b & 0xffff) - value));
      const magnitude = bits & 0x7fff;
      if (magnitude > 0) expect(at).toBeLessThanOrEqual(below);
      expect(at).toBeLessThanOrEqual(above);
      if (at === above || (magnitude > 0 && at === below)) expect(bits % 2).toBe(0);
    }),
  );
});

test.each([
  [65504, 0x7bff],
  [65519.99, 0x7bff],
  [65520, 0x7c00],
  [-65520, 0xfc00],
  [2 ** -24, 1],
  [2 ** -25, 0],
  [1.5 * 2 ** -24, 2],
  [2 ** -14, 0x400],
  [-0, 0x8000],
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
  [2047.9, 0x6800],
])("%d becomes half %d", (value, bits) => expect(float16Bits(value)).toBe(bits));

test("bfloat16 keeps the upper half of a float32, rounded to even", () => {
  const bits = toBfloat16(floats(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.5, Number.NaN, Number.POSITIVE_INFINITY));
  expect([...bits.slice(0, 4)]).toEqual([0x3f80, 0x3f80, 0x3f82, 0xc060]);
  const back = toFloat32(hostArray("bfloat16", [6], bits));
  expect([...back]).toEqual([1, 1, 1 + 2 ** -6, -3.5, Number.NaN, Number.POSITIVE_INFINITY]);
});

test("castArray goes between whole and floating types", () => {
  expect(castArray(floats(1.9, -2.9), "int64").data).toEqual(BigInt64Array.of(1n, -2n));
  expect(castArray(hostArray("int64", [1], BigInt64Array.of(7n)), "float32").data).toEqual(Float32Array.of(7));
  expect(toFloat16(hostArray("float64", [1], Float64Array.of(0.5)))).toEqual(Uint16Array.of(0x3800));
  expect(castArray(floats(0, 2), "bool").data).toEqual(Uint8Array.of(0, 1));
});
