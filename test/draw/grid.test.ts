import type { Batch, Picture } from "swinyolo/data";
import { batchGrid, crop, grid } from "swinyolo/engine";
import { describe, expect, it } from "vitest";
import { pixel, plain } from "./canvas.js";

const cells = (n: number, size = 50) => Array.from({ length: n }, (_, i) => ({ picture: plain(size, size, i * 10) }));
const centre = (picture: Picture, cell: number, [column, row]: [number, number]) =>
  pixel(picture, Math.floor((column + 0.5) * cell), Math.floor((row + 0.5) * cell))[0];

describe("grid", () => {
  it("is filled column by column, as many rows as columns", () => {
    const drawn = grid(cells(5));
    expect([drawn.width, drawn.height]).toEqual([150, 150]);
    expect([centre(drawn, 50, [0, 0]), centre(drawn, 50, [0, 1]), centre(drawn, 50, [0, 2])]).toEqual([0, 10, 20]);
    expect([centre(drawn, 50, [1, 0]), centre(drawn, 50, [1, 1])]).toEqual([30, 40]);
    expect(centre(drawn, 50, [2, 2])).toBe(255);
  });

  it("shows sixteen pictures, at most 1920 pixels wide", () => {
    const drawn = grid(cells(20, 640));
    expect([drawn.width, drawn.height]).toEqual([1920, 1920]);
    expect(centre(drawn, 480, [3, 3])).toBe(150);
  });

  it("draws a batch with its labels, or with what was found over 0.25", () => {
    const batch: Batch = {
      images: new Uint8Array(2 * 3 * 200 * 200).fill(100),
      shape: [2, 3, 200, 200],
      targets: Float32Array.from([1, 0, 0.5, 0.5, 0.5, 0.5]),
      sources: ["a/first.jpg", "a/second.jpg"].map((path, index) => ({
        path,
        index,
        width: 200,
        height: 200,
        ratio: [1, 1],
        pad: [0, 0],
      })),
    };
    const labels = batchGrid(batch, undefined, { names: ["cell"] });
    expect([labels.width, labels.height]).toEqual([400, 400]);
    expect(pixel(labels, 50, 100)).toEqual([100, 100, 100]);
    expect(pixel(labels, 50, 300)).toEqual([0xff, 0x38, 0x38]); // the second picture stands below the first
    const rows = (conf: number) => Float32Array.from([20, 20, 180, 120, conf, 3]);
    const found = batchGrid(batch, [rows(0.2), rows(0.3)]);
    expect(pixel(found, 20, 60)).toEqual([100, 100, 100]);
    expect(pixel(found, 20, 260)).toEqual([0xff, 0xb2, 0x1d]);
    expect(pixel(found, 50, 300)).toEqual([100, 100, 100]);
  });
});

describe("crop", () => {
  const picture = plain(100, 80);

  it("is enlarged by 1.02 and 10 pixels, and cut at the picture's edge", () => {
    const size = (xyxy: number[], options = {}) => {
      const { width, height, data } = crop(picture, xyxy, options);
      expect(data).toHaveLength(width * height * 3);
      return [width, height];
    };
    expect(size([20, 20, 40, 30])).toEqual([31, 21]); // 14.8 to 45.2, 14.9 to 35.1, without fractions
    expect(size([20, 20, 40, 30], { gain: 1, pad: 0 })).toEqual([20, 10]);
    expect(size([20, 20, 40, 30], { gain: 1, pad: 0, square: true })).toEqual([20, 20]);
    expect(size([-50, -50, 500, 500])).toEqual([100, 80]);
    expect(size([200, 200, 210, 210], { pad: 0 })).toEqual([1, 1]);
  });

  it("takes the right pixels", () => {
    const marked = plain(10, 10);
    marked.data.set([1, 2, 3], (4 * 10 + 3) * 3);
    expect(pixel(crop(marked, [3, 4, 6, 8], { gain: 1, pad: 0 }), 0, 0)).toEqual([1, 2, 3]);
  });
});
