import fc from "fast-check";
import { anchorMetric, autoAnchor, checkAnchorOrder, fitAnchors, lloyd, objectSizes, rng } from "swinyolo/data";
import { describe, expect, test } from "vitest";

const stock = Float32Array.of(10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326);
// Sizes around three shapes.
const clustered = (n: number, seed = 0) => {
  const random = rng("sizes", seed);
  const shapes = [
    [20, 20],
    [60, 140],
    [300, 200],
  ];
  return Float32Array.from({ length: n }).map((_, i) => shapes[(i >> 1) % 3][i % 2] * random.uniform(0.9, 1.1));
};

describe("anchors", () => {
  test("the stock ones on known sizes", () => {
    const wh = Float32Array.of(20, 30, 60, 80, 200, 150, 12, 100, 400, 400, 5, 5);
    const metric = anchorMetric(wh, stock);
    expect(metric.bestPossibleRecall).toBe(1);
    expect(metric.anchorsAboveThreshold).toBeCloseTo(3.8333333, 6);
    expect(metric.fitness).toBeCloseTo(0.6382433417, 7);
    const best = [0.8, 0.6722689076, 0.7575757576, 0.4, 0.815, 0.3846153846];
    best.forEach((x, i) => {
      expect(anchorMetric(wh.subarray(2 * i, 2 * i + 2), stock).meanBest).toBeCloseTo(x, 7);
    });
  });

  test("k-means finds the shapes, from small to large", () => {
    const anchors = fitAnchors(clustered(300), 3, { generations: 0, rng: rng(0) });
    [20, 20, 60, 140, 300, 200].forEach((x, i) => {
      expect(Math.abs(anchors[i] / x - 1)).toBeLessThan(0.03);
    });
  });

  test("evolving does not make them worse and keeps to the seed", () => {
    const wh = clustered(200).map((x, i) => x * (1 + (i % 7) / 3));
    const evolved = (generations: number) => fitAnchors(wh, 4, { generations, rng: rng(1) });
    expect(anchorMetric(wh, evolved(300)).fitness).toBeGreaterThan(anchorMetric(wh, evolved(0)).fitness);
    expect(evolved(50)).toEqual(evolved(50));
  });

  test("there are as many as asked for even where sizes are few or all alike", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12 }), fc.boolean(), (n, alike) => {
        const wh = alike ? new Float32Array(2 * n).fill(30) : clustered(2 * n);
        const anchors = fitAnchors(wh, 9, { generations: 3, rng: rng(n) });
        expect(anchors.length).toBe(18);
        expect(anchors.every((x) => x > 0 && Number.isFinite(x))).toBe(true);
      }),
    );
  });

  test("one step of Lloyd is enough where every size is a centre", () => {
    const wh = Float32Array.of(10, 10, 50, 40, 200, 300);
    const { anchors, meanDistortion } = lloyd(wh, wh);
    expect([[...anchors].map(Math.round), meanDistortion]).toEqual([[10, 10, 50, 40, 200, 300], 0]);
  });

  test("sizes are those of a picture whose longer side is imgsz, scaled by up to a tenth with a generator", () => {
    const pictures = [{ width: 1280, height: 720, boxes: Float32Array.of(0.5, 0.5, 0.1, 0.2) }];
    expect([...objectSizes(pictures, { imgsz: 640 })]).toEqual([64, 72]);
    const [w, h] = objectSizes(pictures, { imgsz: 640, rng: rng(0) });
    expect(w / h).toBeCloseTo(64 / 72, 6);
    expect(Math.abs(w / 64 - 1)).toBeLessThanOrEqual(0.1);
  });

  test("good anchors stay, bad ones go, and no labels are no reason to change", () => {
    const pictures = Array.from({ length: 60 }, (_, i) => ({
      width: 640,
      height: 480,
      boxes: Float32Array.of(0.5, 0.5, 0.01 + 0.001 * i, 0.012 + 0.001 * i),
    }));
    const options = { imgsz: 640, generations: 20, rng: rng(0) };
    expect(autoAnchor(pictures, stock, options).changed).toBe(false);
    const bad = Float32Array.of(300, 300, 400, 500, 600, 600);
    const fitted = autoAnchor(pictures, bad, options);
    expect(fitted.changed).toBe(true);
    expect(fitted.after?.bestPossibleRecall).toBeGreaterThan(0.98);
    expect(autoAnchor([], bad, options)).toMatchObject({ changed: false, anchors: bad });
  });

  test("levels are turned round when their areas go the other way than the strides", () => {
    const levels = [
      [10, 10, 20, 20],
      [50, 50, 60, 60],
    ];
    expect(checkAnchorOrder(levels, [8, 16])).toBe(levels);
    expect(checkAnchorOrder(levels, [16, 8])).toEqual([...levels].reverse());
  });
});
