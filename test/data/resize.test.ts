import fc from "fast-check";
import { letterbox, letterboxFit, type Picture, resize, roundHalfEven } from "swinyolo/data";
import { describe, expect, test } from "vitest";
import { anyPicture, farthest, noise } from "./pictures.js";

const side = fc.integer({ min: 1, max: 50 });
const grey = (width: number, height: number, value: number): Picture => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(value),
});

describe("resize", () => {
  test.each(["bilinear", "area"] as const)("%s keeps one colour and one size", (interpolation) => {
    fc.assert(
      fc.property(side, side, side, side, fc.integer({ min: 0, max: 255 }), (w, h, w2, h2, value) => {
        const out = resize(grey(w, h, value), w2, h2, { interpolation });
        expect([out.width, out.height]).toEqual([w2, h2]);
        expect(out.data.every((x) => x === value)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(anyPicture, (picture) => {
        expect(resize(picture, picture.width, picture.height, { interpolation })).toEqual(picture);
      }),
    );
  });

  test("bilinear is what the formula says, within a level", () => {
    fc.assert(
      fc.property(anyPicture, side, side, (picture, width, height) => {
        expect(farthest(resize(picture, width, height), slowly(picture, width, height))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });

  test("area is the mean of the covered pixels", () => {
    const out = resize({ width: 3, height: 1, data: Uint8Array.of(0, 0, 0, 90, 90, 90, 255, 255, 255) }, 2, 1, {
      interpolation: "area",
    });
    expect([...out.data]).toEqual([30, 30, 30, 200, 200, 200]);
    expect([...resize(noise(4, 4), 2, 2, { interpolation: "area" }).data]).toEqual([...resize(noise(4, 4), 2, 2).data]);
  });
});

function slowly({ width: w, height: h, data }: Picture, width: number, height: number): Picture {
  const at = (x: number, y: number, c: number) =>
    data[(Math.min(Math.max(y, 0), h - 1) * w + Math.min(Math.max(x, 0), w - 1)) * 3 + c];
  const out = new Uint8Array(width * height * 3);
  for (let i = 0; i < out.length; i++) {
    const x = ((Math.floor(i / 3) % width) + 0.5) * (w / width) - 0.5;
    const y = (Math.floor(i / 3 / width) + 0.5) * (h / height) - 0.5;
    const [x0, y0, c] = [Math.floor(x), Math.floor(y), i % 3];
    const [fx, fy] = [x - x0, y - y0];
    const upper = at(x0, y0, c) * (1 - fx) + at(x0 + 1, y0, c) * fx;
    const lower = at(x0, y0 + 1, c) * (1 - fx) + at(x0 + 1, y0 + 1, c) * fx;
    out[i] = Math.round(upper * (1 - fy) + lower * fy);
  }
  return { width, height, data: out };
}

describe("letterbox", () => {
  const frame = { width: 640, height: 640 };
  test.each([
    // height, width, then of auto, not auto, and not auto without enlarging: outer height, width, ratio, pad x, pad y
    [720, 1280, [384, 640, 0.5, 0, 12], [640, 640, 0.5, 0, 140], [640, 640, 0.5, 0, 140]],
    [1080, 810, [640, 480, 0.592593, 0, 0], [640, 640, 0.592593, 80, 0], [640, 640, 0.592593, 80, 0]],
    [333, 500, [448, 640, 1.28, 0, 11], [640, 640, 1.28, 0, 107], [640, 640, 1, 70, 153.5]],
    [640, 640, [640, 640, 1, 0, 0], [640, 640, 1, 0, 0], [640, 640, 1, 0, 0]],
    [100, 50, [640, 320, 6.4, 0, 0], [640, 640, 6.4, 160, 0], [640, 640, 1, 295, 270]],
    [480, 641, [480, 640, 0.99844, 0, 0.5], [640, 640, 0.99844, 0, 80.5], [640, 640, 0.99844, 0, 80.5]],
  ])("%i x %i in 640", (height, width, auto, square, small) => {
    const numbers = (options: object) => {
      const { height: h, width: w, ratio, pad } = letterboxFit({ width, height }, frame, options);
      return [h, w, Number(ratio[0].toPrecision(6)), ...pad];
    };
    expect(numbers({})).toEqual(auto);
    expect(numbers({ auto: false })).toEqual(square);
    expect(numbers({ auto: false, scaleUp: false })).toEqual(small);
  });

  test("fills what is left over with the colour and stretches when told", () => {
    const { picture, pad } = letterbox(grey(4, 2, 9), { width: 4, height: 4 }, { auto: false, color: [1, 2, 3] });
    expect([pad, [...picture.data.subarray(0, 3)], [...picture.data.subarray(12, 15)]]).toEqual([
      [0, 1],
      [1, 2, 3],
      [9, 9, 9],
    ]);
    const filled = letterbox(grey(4, 2, 9), { width: 8, height: 8 }, { auto: false, scaleFill: true });
    expect(filled).toEqual({ picture: grey(8, 8, 9), ratio: [2, 4], pad: [0, 0] });
  });

  test("a frame without pixels is refused", () => {
    expect(() => letterbox(grey(4, 2, 9), { width: 0, height: 4 }, { auto: false, scaleFill: true })).toThrow(
      "expected at least 1 x 1",
    );
  });

  test("halves go to the even neighbour", () => {
    expect([0.5, 1.5, 2.5, -0.5, 2.4, 2.6].map(roundHalfEven)).toEqual([0, 2, 2, 0, 2, 3]);
  });
});
