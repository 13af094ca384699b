import {
  clamp,
  conv,
  dropout,
  expandTo,
  flip,
  floats,
  gather,
  gelu,
  graph,
  greater,
  type HostArray,
  hardSwish,
  hostArray,
  inference,
  input,
  ints,
  layerNorm,
  maxPool,
  mish,
  pad,
  reduceMax,
  resizeBilinear,
  resizeNearest,
  ShapeError,
  scalar,
  scatter,
  scatterAdd,
  slice,
  softmax,
  type Tensor,
  takeRows,
  toFloat32,
  transpose,
  upsampleNearest,
  where,
} from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { distinct, once } from "./numeric.js";

/** The numbers of f(x) for x of a shape, and x's own. */
async function run(
  f: (x: Tensor) => Tensor,
  shape: number[],
): Promise<{ x: Float32Array; y: number[]; shape: number[] }> {
  const n = shape.reduce((a, b) => a * b, 1);
  const data = distinct(n, n);
  const x = input(shape);
  const y = f(x);
  const result = await once(graph({ x }, { y }), new Map([["x", hostArray("float32", shape, data)]]));
  const out = result.get("y") as HostArray;
  expect(out.shape, "the shape rule").toEqual([...y.shape]);
  return { x: data, y: [...toFloat32(out)], shape: out.shape };
}

const close = (got: readonly number[], expected: readonly number[]) => {
  expect(got.length).toBe(expected.length);
  got.forEach((value, i) => {
    expect(Math.abs(value - expected[i]), `number ${i}: ${value} for ${expected[i]}`).toBeLessThan(
      2e-6 * Math.max(1, Math.abs(expected[i])),
    );
  });
};

/** A picture [1, 1, h, w] made of f(row, column). */
const picture = (h: number, w: number, f: (r: number, c: number) => number): number[] =>
  Array.from({ length: h * w }, (_, i) => f(Math.floor(i / w), i % w));

describe("resizing", () => {
  test("upsampleNearest repeats pixels", async () => {
    const { x, y, shape } = await run((t) => upsampleNearest(t, 2), [1, 1, 2, 3]);
    expect(shape).toEqual([1, 1, 4, 6]);
    close(
      y,
      picture(4, 6, (r, c) => x[Math.floor(r / 2) * 3 + Math.floor(c / 2)]),
    );
  });

  test.each([
    [5, 3],
    [2, 9],
    [3, 4],
  ])("resizeNearest [3, 4] -> [%i, %i] takes floor(i * in / out)", async (h, w) => {
    const { x, y } = await run((t) => resizeNearest(t, [h, w]), [1, 1, 3, 4]);
    close(
      y,
      picture(h, w, (r, c) => x[Math.floor((r * 3) / h) * 4 + Math.floor((c * 4) / w)]),
    );
  });

  test.each([
    [6, 3, false],
    [5, 9, true],
    [1, 1, true],
    [2, 2, false],
  ])("resizeBilinear [3, 4] -> [%i, %i], corners %s", async (h, w, corners) => {
    const { x, y } = await run((t) => resizeBilinear(t, [h, w], corners), [1, 1, 3, 4]);
    const at = (i: number, size: number, out: number) =>
      corners ? (out > 1 ? (i * (size - 1)) / (out - 1) : 0) : Math.max(0, ((i + 0.5) * size) / out - 0.5);
    const sample = (r: number, c: number) => {
      const [top, left] = [Math.floor(r), Math.floor(c)];
      const [bottom, right] = [Math.min(top + 1, 2), Math.min(left + 1, 3)];
      const row = (i: number) => x[i * 4 + left] * (1 - (c - left)) + x[i * 4 + right] * (c - left);
      return row(top) * (1 - (r - top)) + row(bottom) * (r - top);
    };
    close(
      y,
      picture(h, w, (r, c) => sample(at(r, 3, h), at(c, 4, w))),
    );
  });
});

describe("maxPool", () => {
  test.each([
    { size: [5, 5], kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], ceilMode: true, out: [3, 3] },
    { size: [5, 5], kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], ceilMode: false, out: [2, 2] },
    { size: [6, 7], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceilMode: true, out: [4, 4] },
    // The third window would start in the padding: there is none.
    { size: [3, 3], kernel: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1], ceilMode: true, out: [2, 2] },
    { size: [4, 5], kernel: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2], ceilMode: false, out: [4, 5] },
    { size: [4, 4], kernel: [2, 2], strides: [1, 1], pads: [0, 0, 1, 1], ceilMode: false, out: [4, 4] },
  ])(
    "$size by $kernel, stride $strides, pads $pads, ceil $ceilMode",
    async ({ size, kernel, strides, pads, ceilMode, out }) => {
      const { x, y, shape } = await run((t) => maxPool(t, kernel, { strides, pads, ceilMode }), [1, 1, ...size]);
      expect(shape.slice(2)).toEqual(out);
      const window = (r: number, c: number) => {
        let best = Number.NEGATIVE_INFINITY;
        for (let i = 0; i < kernel[0]; i++) {
          for (let j = 0; j < kernel[1]; j++) {
            const [row, column] = [r * strides[0] - pads[0] + i, c * strides[1] - pads[1] + j];
            if (row >= 0 && row < size[0] && column >= 0 && column < size[1])
              best = Math.max(best, x[row * size[1] + column]);
          }
        }
        return best;
      };
      close(y, picture(out[0], out[1], window));
    },
  );
});

describe("normalisations and activations", () => {
  const rowsOf = (x: ArrayLike<number>, n: number) =>
    Array.from({ length: x.length / n }, (_, i) => Array.from({ length: n }, (_, j) => x[i * n + j]));

  test("softmax, large numbers included", async () => {
    const { x, y } = await run((t) => softmax(where(greater(floats([1, 0, 0, 0]), scalar(0)), scalar(90), t)), [3, 4]);
    const rows = rowsOf(x, 4).map(([, ...rest]) => [90, ...rest]);
    close(
      y,
      rows.flatMap((row) => row.map((v) => Math.exp(v - 90) / row.reduce((n, u) => n + Math.exp(u - 90), 0))),
    );
  });

  test("layerNorm", async () => {
    const [weight, bias] = [
      [1, 2, -1, 0.5, 3],
      [0, 1, 2, -3, 0.1],
    ];
    const { x, y } = await run((t) => layerNorm(t, floats(weight), floats(bias), { epsilon: 1e-3 }), [2, 2, 5]);
    const normal = (row: number[]) => {
      const mean = row.reduce((a, b) => a + b) / 5;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / 5;
      return row.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-3)) * weight[i] + bias[i]);
    };
    close(y, rowsOf(x, 5).flatMap(normal));
  });

  const shapeOfActivation = [40];
  test.each([
    ["hardSwish", hardSwish, (v: number) => (v * Math.min(Math.max(v + 3, 0), 6)) / 6],
    ["mish", mish, (v: number) => v * Math.tanh(Math.log1p(Math.exp(v)))],
    ["gelu", gelu, (v: number) => v * normalShare(v)],
    ["clamp", (t: Tensor) => clamp(t, -0.2, 0.1), (v: number) => Math.min(Math.max(v, -0.2), 0.1)],
  ] as const)("%s", async (_, f, reference) => {
    const { x, y } = await run(f, shapeOfActivation);
    close(y, Array.from(x, reference));
  });

  test("reduceMax", async () => {
    const { x, y } = await run((t) => reduceMax(t, { axes: [1] }), [3, 4]);
    close(
      y,
      rowsOf(x, 4).map((row) => Math.max(...row)),
    );
  });
});

// The normal distribution's integral by Simpson's rule, to 1e-12.
function normalShare(v: number): number {
  const n = 2000;
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(v);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * density((v * i) / n);
  return 0.5 + (sum * v) / n / 3;
}

describe("moving numbers", () => {
  test("slice: steps, the end, backwards", async () => {
    const steps = await run((t) => slice(t, { axes: [0], starts: [1], ends: [9], steps: [3] }), [10]);
    close(
      steps.y,
      [1, 4, 7].map((i) => steps.x[i]),
    );
    const end = await run((t) => slice(t, { axes: [0], starts: [-3], ends: [100] }), [10]);
    close(
      end.y,
      [7, 8, 9].map((i) => end.x[i]),
    );
    const back = await run((t) => slice(t, { axes: [0], starts: [6], ends: [2], steps: [-1] }), [10]);
    close(
      back.y,
      [6, 5, 4, 3].map((i) => back.x[i]),
    );
  });

  test("flip", async () => {
    const { x, y } = await run((t) => flip(t, [0, 1]), [3, 4]);
    close(y, [...x].reverse());
  });

  test("pad", async () => {
    const { x, y } = await run(
      (t) =>
        pad(
          t,
          [
            [1, 0],
            [0, 2],
          ],
          -7,
        ),
      [2, 2],
    );
    close(y, [-7, -7, -7, -7, x[0], x[1], -7, -7, x[2], x[3], -7, -7]);
  });

  test("transpose", async () => {
    const { x, y } = await run((t) => transpose(t, [2, 0, 1]), [2, 3, 4]);
    close(
      y,
      Array.from({ length: 24 }, (_, i) => x[Math.floor((i % 6) / 3) * 12 + (i % 3) * 4 + Math.floor(i / 6)]),
    );
  });

  test("gather along an inner axis", async () => {
    const { x, y, shape } = await run((t) => gather(t, ints([3, 0, 3, 1], [2, 2]), 1), [2, 4]);
    expect(shape).toEqual([2, 2, 2]);
    close(
      y,
      [0, 4].flatMap((row) => [3, 0, 3, 1].map((i) => x[row + i])),
    );
  });

  test("takeRows", async () => {
    const { x, y } = await run((t) => takeRows(t, [2, 0, 2], { inverse: [1, 0, 2] }), [3, 2]);
    close(
      y,
      [2, 0, 2].flatMap((i) => [x[i * 2], x[i * 2 + 1]]),
    );
  });

  test("scatterAdd adds up rows that come twice, in order; scatter replaces", async () => {
    const index = expandTo(ints([1, 0, 1], [3, 1]), [3, 2]);
    const updates = floats([1, 2, 3, 4, 5, 6], [3, 2]);
    const added = await run((t) => scatterAdd(t, index, updates), [2, 2]);
    close(
      added.y,
      [3, 4, 6, 8].map((v, i) => added.x[i] + v),
    );
    const replaced = await run(
      (t) => scatter(t, expandTo(ints([2, 0], [2, 1]), [2, 2]), floats([1, 2, 3, 4], [2, 2])),
      [3, 2],
    );
    close(replaced.y, [3, 4, replaced.x[2], replaced.x[3], 1, 2]);
  });

  test("inference takes dropout out", async () => {
    const x = input([3]);
    const g = inference(graph({ x }, { y: dropout(x, 0.5) }));
    const result = await once(g, new Map([["x", hostArray("float32", [3], Float32Array.of(1, 2, 3))]]));
    expect([...result.get("y")!.data]).toEqual([1, 2, 3]);
  });
});

test("a grouped, dilated, strided convolution", async () => {
  const weights = distinct(4 * 2 * 3 * 2, 3);
  const options = { group: 2, strides: [2, 1], dilations: [1, 2], pads: [1, 0, 0, 2] };
  const { x, y, shape } = await run((t) => conv(t, floats(weights, [4, 2, 3, 2]), options), [1, 4, 5, 4]);
  expect(shape).toEqual([1, 4, 2, 4]);
  const expected: number[] = [];
  for (let o = 0; o < 4; o++) {
    for (let r = 0; r < 2; r++) {
      for (let c = 0; c < 4; c++) {
        let sum = 0;
        for (let i = 0; i < 2; i++) {
          for (let kr = 0; kr < 3; kr++) {
            for (let kc = 0; kc < 2; kc++) {
              const [row, column] = [r * 2 - 1 + kr, c + kc * 2];
              if (row < 0 || row > 4 || column > 3) continue;
              sum += x[(Math.floor(o / 2) * 2 + i) * 20 + row * 4 + column] * weights[((o * 2 + i) * 3 + kr) * 2 + kc];
            }
          }
        }
        expected.push(sum);
      }
    }
  }
  close(y, expected);
});

test("a shape that does not fit is told with what was given", () => {
  expect(() => conv(input([1, 3, 8, 8]), input([4, 6, 3, 3]))).toThrow(
    new ShapeError("Conv", [input([1, 3, 8, 8]), input([4, 6, 3, 3])], "input has 3 channels, weight expects 6"),
  );
});
