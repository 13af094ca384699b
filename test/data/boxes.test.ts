import fc from "fast-check";
import {
  bboxIoa,
  boxCandidates,
  boxIou,
  clipBoxes,
  cxcywhnToXyxy,
  cxcywhToXyxy,
  resampleSegment,
  scaleBoxes,
  segmentsToBoxes,
  segmentToBox,
  whIou,
  xyxyToCxcywh,
  xyxyToCxcywhn,
} from "swinyolo/data";
import { describe, expect, test } from "vitest";

const f = (...values: number[]) => Float32Array.from(values);
const rounded = (values: Float32Array, digits = 4) => Array.from(values, (x) => Number(x.toFixed(digits)));
const side = fc.integer({ min: 1, max: 2000 });
const fraction = fc.float({ min: 0, max: 1, noNaN: true });
const box = fc.tuple(fraction, fraction, fraction, fraction);

describe("conversions", () => {
  test("centre and size to corners and back", () => {
    fc.assert(
      fc.property(fc.array(box, { maxLength: 5 }), side, side, (boxes, width, height) => {
        const rows = f(...boxes.flat());
        const there = cxcywhnToXyxy(rows, { width, height });
        xyxyToCxcywhn(there, { width, height }).forEach((x, i) => {
          expect(x).toBeCloseTo(rows[i], 5);
        });
        xyxyToCxcywh(cxcywhToXyxy(rows)).forEach((x, i) => {
          expect(x).toBeCloseTo(rows[i], 5);
        });
      }),
    );
  });

  test("padding moves corners", () => {
    expect([...cxcywhnToXyxy(f(0.5, 0.5, 0.5, 0.5), { width: 40, height: 20 }, { padX: 3, padY: 5 })]).toEqual([
      13, 10, 33, 20,
    ]);
  });

  test("clipped boxes stay within, eps off the far sides", () => {
    expect([...clipBoxes(f(-5, -1, 50, 10), { width: 40, height: 20 })]).toEqual([0, 0, 40, 10]);
    const [x, , w] = xyxyToCxcywhn(f(0, 0, 50, 10), { width: 40, height: 20 }, { clip: true, eps: 1e-3 });
    expect((x + w / 2) * 40).toBeCloseTo(40 - 1e-3, 5);
  });

  test("back from the letterbox", () => {
    const [from, to] = [
      { width: 640, height: 384 },
      { width: 1280, height: 720 },
    ];
    expect([...scaleBoxes(f(100, 100, 200, 200), { from, to })]).toEqual([200, 176, 400, 376]);
    expect([...scaleBoxes(f(100, 100, 200, 200), { from, to, ratio: [0.5, 0.5], pad: [0, 0] })]).toEqual([
      200, 200, 400, 400,
    ]);
  });
});

describe("segments", () => {
  test("resampled along the closed outline by point number", () => {
    expect(rounded(resampleSegment(f(0, 0, 1, 0, 1, 1), 7))).toEqual([
      0, 0, 0.5, 0, 1, 0, 1, 0.5, 1, 1, 0.5, 0.5, 0, 0,
    ]);
    expect(resampleSegment(f(), 3)).toEqual(new Float32Array(6));
  });

  test("boxes around them", () => {
    expect([...segmentsToBoxes([f(0, 0, 4, 2), f(1, 1, 1, 3, 5, 2)])]).toEqual([2, 1, 4, 2, 3, 2, 4, 2]);
    expect([...segmentToBox(f(-1, 5, 2, 2, 8, 9, 3, 12), { width: 10, height: 10 })]).toEqual([2, 2, 8, 9]);
    expect([...segmentToBox(f(-1, -1, 11, 3), { width: 10, height: 10 })]).toEqual([0, 0, 0, 0]);
  });
});

describe("overlaps", () => {
  test("IoU is symmetric, at most 1, and 1 with itself", () => {
    fc.assert(
      fc.property(fc.array(box, { minLength: 1, maxLength: 4 }), (boxes) => {
        const rows = cxcywhToXyxy(f(...boxes.flatMap(([x, y, w, h]) => [x * 100, y * 100, w * 100 + 1, h * 100 + 1])));
        const iou = boxIou(rows, rows);
        const n = boxes.length;
        for (let i = 0; i < n; i++) {
          expect(iou[i * n + i]).toBeCloseTo(1, 5);
          for (let j = 0; j < n; j++) expect(iou[i * n + j]).toBeCloseTo(iou[j * n + i], 6);
        }
      }),
    );
  });

  test("known ones", () => {
    expect(rounded(whIou(f(2, 2, 4, 1), f(4, 2, 2, 2)))).toEqual([0.5, 1, 0.5, 0.3333]);
    expect(rounded(bboxIoa(f(0, 0, 10, 10), f(5, 5, 15, 15, 0, 0, 5, 5)))).toEqual([0.25, 1]);
  });

  test.each([
    ["a tenth is left, nearly", f(0, 0, 100, 100), f(0, 0, 32, 31), [0, 1]],
    ["not wider than 2", f(0, 0, 10, 10), f(0, 0, 2, 8), [0, 0]],
    ["just over a tenth", f(0, 0, 100, 50), f(0, 0, 100, 5.1), [1, 1]],
    ["too long", f(0, 0, 300, 4), f(0, 0, 300, 2.5), [0, 0]],
  ])("candidate: %s", (_, before, after, [strict, loose]) => {
    expect([...boxCandidates(before, after)]).toEqual([strict]);
    expect([...boxCandidates(before, after, { minArea: 0.01 })]).toEqual([loose]);
  });
});
