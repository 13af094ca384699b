import fc from "fast-check";
import {
  applyPerspective,
  augmentations,
  copyPaste,
  drawPerspective,
  fillPolygon,
  flatten,
  hsvGains,
  hsvToRgb,
  mirror,
  mixup,
  mosaic,
  mosaic9,
  type PerspectiveDraws,
  perspectiveMatrix,
  rgbToHsv,
  rng,
  type Sample,
  scaleHsv,
  turnUpsideDown,
  warp,
} from "swinyolo/data";
import { describe, expect, test } from "vitest";
import { anyPicture, boxesOf, farthest, noise, waves } from "./pictures.js";

const still: PerspectiveDraws = {
  perspectiveX: 0,
  perspectiveY: 0,
  angle: 0,
  scale: 1,
  shearX: 0,
  shearY: 0,
  translateX: 0.5,
  translateY: 0.5,
};

describe("random perspective", () => {
  const gains = { degrees: 10, translate: 0.1, scale: 0.5, shear: 5, perspective: 0 };
  // A generator that gives the uniforms .5, .5, .75, .25, .6, .4, .3, .8 one after another.
  const uniforms = [0.5, 0.5, 0.75, 0.25, 0.6, 0.4, 0.3, 0.8];
  const scripted = () => {
    let i = 0;
    return { ...rng(0), uniform: (from: number, to: number) => from + (to - from) * uniforms[i++] };
  };

  test("draws in order make the known matrix and boxes", () => {
    const picture = { width: 1280, height: 1280, data: new Uint8Array(1280 * 1280 * 3) };
    const draws = drawPerspective(gains, scripted());
    const matrix = perspectiveMatrix(picture, { width: 640, height: 640 }, draws);
    const known = [0.7460050417, 0.0784082894, -233.2245319171, -0.0784082894, 0.7460050417, -68.8619214685, 0, 0, 1];
    matrix.forEach((entry, i) => {
      expect(entry).toBeCloseTo(known[i], 9);
    });

    const labels = boxesOf([600, 600, 700, 800], [0, 0, 50, 40], [1200, 1200, 1280, 1280]);
    const moved = applyPerspective({ picture, labels }, draws, { border: { x: -320, y: -320 } });
    expect([moved.picture.width, moved.picture.height]).toEqual([640, 640]);
    expect([...moved.labels.classes]).toEqual([0]);
    [261.423466755, 323.855300967, 351.705628809, 480.89713825].forEach((x, i) => {
      expect(moved.labels.boxes[i]).toBeCloseTo(x, 3);
    });
  });

  test("standing still changes nothing", () => {
    const sample = { picture: noise(20, 30), labels: boxesOf([1, 2, 10, 12]) };
    const out = applyPerspective(sample, still);
    expect(out.picture).toBe(sample.picture);
    expect(out.labels.boxes).toEqual(sample.labels.boxes);
  });

  test("a polygon makes a tighter box than corners do, and objects without one keep theirs", () => {
    const diamond = Float32Array.of(20, 10, 30, 20, 20, 30, 10, 20);
    const labels = { ...boxesOf([10, 10, 30, 30], [10, 10, 30, 30]), segments: [diamond, undefined] };
    const turned = applyPerspective({ picture: noise(40, 40), labels }, { ...still, angle: 45 });
    const widths = [0, 1].map((i) => turned.labels.boxes[4 * i + 2] - turned.labels.boxes[4 * i]);
    expect(widths[0]).toBeCloseTo(20 / Math.SQRT2, 1);
    expect(widths[1]).toBeCloseTo(20 * Math.SQRT2, 1);
    expect(turned.labels.segments?.map((segment) => segment?.length)).toEqual([2000, undefined]);
  });
});

describe("warp", () => {
  test("a shift by whole pixels copies, 114 comes in", () => {
    const picture = noise(6, 5);
    const out = warp(picture, [1, 0, 2, 0, 1, 1, 0, 0, 1], { width: 6, height: 5 });
    expect([...out.data.subarray(0, 18)]).toEqual(new Array(18).fill(114));
    expect([...out.data.subarray(18 + 6, 36)]).toEqual([...picture.data.subarray(0, 12)]);
  });

  test("a slight tilt and its affine part differ little on a smooth picture", () => {
    const [picture, size] = [waves(60, 50), { width: 60, height: 50 }];
    const affine = warp(picture, [0.9, 0.1, 3, -0.1, 0.95, 6, 0, 0, 1], size);
    const tilted = warp(picture, [0.9, 0.1, 3, -0.1, 0.95, 6, 1e-9, 0, 1], size);
    expect(farthest(affine, tilted)).toBeLessThanOrEqual(4);
  });

  test("a matrix without inverse gives a picture all the same", () => {
    expect(warp(noise(6, 5), [0, 0, 0, 0, 0, 0, 0, 0, 1], { width: 4, height: 4 }).data.length).toBe(48);
  });
});

describe("mosaic", () => {
  const tiles = [noise(32, 24), noise(20, 32), noise(32, 32), noise(30, 32)].map(
    (picture, i): Sample => ({ picture, labels: boxesOf([2, 2, 18, 20 - i]) }),
  );

  test("warping the tiles where they lie is warping the flat canvas", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.boolean(), (seed, tilt) => {
        const canvas = mosaic(tiles, { imgsz: 32, rng: rng(seed) });
        const hyp = { degrees: 30, translate: 0.3, scale: 0.9, shear: 10, perspective: tilt ? 0.002 : 0 };
        const draws = drawPerspective(hyp, rng(seed, "draws"));
        const border = { x: -16, y: -16 };
        const flat = { ...canvas, picture: flatten(canvas.picture) };
        expect(applyPerspective(canvas, draws, { border })).toEqual(applyPerspective(flat, draws, { border }));
      }),
    );
  });

  test("the pictures meet in the centre and their labels go with them", () => {
    const made = mosaic(tiles, { imgsz: 32, rng: rng(0), centre: { x: 40, y: 20 } });
    expect([...made.labels.boxes]).toEqual([10, 0, 26, 16, 42, 0, 58, 7, 10, 22, 26, 38, 42, 22, 58, 37]);
    const { data } = flatten(made.picture);
    const at = (x: number, y: number) => [...data.subarray((y * 64 + x) * 3, (y * 64 + x) * 3 + 3)];
    expect(at(39, 19)).toEqual([...tiles[0].picture.data.subarray(-3)]);
    expect(at(40, 20)).toEqual([...tiles[3].picture.data.subarray(0, 3)]);
    expect(at(0, 60)).toEqual([114, 114, 114]);
  });

  test("nine pictures lie around the first one", () => {
    const nine = Array.from({ length: 9 }, (_, i): Sample => {
      const picture = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(10 + i) };
      return { picture, labels: boxesOf([0, 0, 32, 32]) };
    });
    const { picture, labels } = mosaic9(nine, { imgsz: 32, rng: rng(0), offset: { x: 16, y: 16 } });
    const at = (x: number, y: number) => picture.data[(y * 64 + x) * 3] - 10;
    const grid = [8, 24, 56].map((y) => [8, 24, 56].map((x) => at(x, y)));
    expect(grid).toEqual([
      [8, 1, 2],
      [7, 0, 3],
      [6, 5, 4],
    ]);
    expect([...labels.boxes.subarray(0, 4)]).toEqual([16, 16, 48, 48]);
  });
});

describe("colours", () => {
  test.each([
    [
      [30, 200, 10],
      [114, 255, 98],
    ],
    [
      [128, 0, 255],
      [178, 90, 255],
    ],
    [
      [90, 90, 90],
      [125, 125, 125],
    ],
  ])("RGB %o becomes %o", (from, to) => {
    const gains = hsvGains({ hsv_h: 0.015, hsv_s: 0.7, hsv_v: 0.4 }, [0.5, -0.5, 1]);
    expect([...scaleHsv({ width: 1, height: 1, data: Uint8Array.from(from) }, gains).data]).toEqual(to);
  });

  test("one pass is the same as there and back; gains of 1 give the picture back, nearly", () => {
    fc.assert(
      fc.property(anyPicture, (picture) => {
        const hsv = { ...picture, data: rgbToHsv(picture) };
        expect(scaleHsv(picture, [1.1, 0.7, 1.3])).toEqual(hsvToRgb(hsv, { gains: [1.1, 0.7, 1.3] }));
        // Hues are kept in 180 steps, which at full chroma are 8.5 levels apart.
        expect(farthest(hsvToRgb(hsv), picture)).toBeLessThanOrEqual(6);
      }),
    );
  });
});

describe("flips, mixup, copy-paste", () => {
  const sampleOf = fc.tuple(anyPicture, fc.nat(30), fc.nat(30)).map(([picture, x, y]): Sample => {
    const labels = { ...boxesOf([x, y, x + 3, y + 5]), segments: [Float32Array.of(x, y, x + 3, y, x, y + 5)] };
    return { picture, labels };
  });

  test("twice flipped is not flipped", () => {
    fc.assert(
      fc.property(sampleOf, (sample) => {
        expect(mirror(mirror(sample))).toEqual(sample);
        expect(turnUpsideDown(turnUpsideDown(sample))).toEqual(sample);
      }),
    );
  });

  test("flips move boxes and happen as often as they should", () => {
    const sample = { picture: noise(20, 10), labels: boxesOf([1, 2, 5, 4]) };
    expect([...mirror(sample).labels.boxes]).toEqual([15, 2, 19, 4]);
    expect([...turnUpsideDown(sample).labels.boxes]).toEqual([1, 6, 5, 8]);
    const flipped = Array.from({ length: 400 }, (_, i) =>
      augmentations.flipLeftRight(sample, { hyp: { fliplr: 0.25 }, rng: rng(i) }),
    ).filter((out) => out !== sample).length;
    expect(Math.abs(flipped - 100)).toBeLessThan(40);
  });

  test("mixup cuts the weighted sum off and keeps both objects", () => {
    const a = { picture: { width: 1, height: 1, data: Uint8Array.of(255, 10, 0) }, labels: boxesOf([0, 0, 1, 1]) };
    const b = { picture: { width: 1, height: 1, data: Uint8Array.of(254, 20, 255) }, labels: boxesOf([0, 0, 1, 1]) };
    const mixed = mixup([a, b], { rng: rng(0), ratio: 0.25 });
    expect([...mixed.picture.data]).toEqual([254, 17, 191]);
    expect(mixed.labels.boxes.length).toBe(8);
    expect(() => mixup([a, { ...b, picture: noise(2, 1) }], { rng: rng(0) })).toThrow("expected 1 x 1");
  });

  test("copy-paste puts a mirrored object where there is room", () => {
    const square = Float32Array.of(2, 2, 6, 2, 6, 6, 2, 6);
    const labels = { ...boxesOf([2, 2, 6, 6]), segments: [square] };
    const picture = noise(30, 10);
    const out = copyPaste({ picture, labels }, { hyp: { copy_paste: 1 }, rng: rng(0) });
    expect([...out.labels.boxes]).toEqual([2, 2, 6, 6, 24, 2, 28, 6]);
    const changed = out.picture.data.filter((x, i) => x !== picture.data[i]).length;
    expect(changed).toBeGreaterThan(60);
    expect(changed).toBeLessThanOrEqual(75); // 5 x 5 pixels
    const middle = { ...boxesOf([13, 2, 17, 6]), segments: [square.map((x, i) => (i % 2 ? x : x + 11))] };
    expect(copyPaste({ picture, labels: middle }, { hyp: { copy_paste: 1 }, rng: rng(0) }).labels.boxes.length).toBe(4);
    const boxOnly = { picture, labels: boxesOf([2, 2, 6, 6]) };
    expect(copyPaste(boxOnly, { hyp: { copy_paste: 1 }, rng: rng(0) })).toBe(boxOnly);
  });

  test("a filled square has its border, and outside the map nothing is written", () => {
    const map = { width: 10, height: 10, data: new Uint8Array(100) };
    fillPolygon(map, Float32Array.of(2, 2, 6.9, 2, 6, 6, 2, 6));
    expect(map.data.reduce((sum, x) => sum + x, 0)).toBe(25);
    fillPolygon(map, Float32Array.of(-20, -20, 50, -20, 50, 50, -20, 50), { value: 3 });
    expect(map.data.every((x) => x === 3)).toBe(true);
  });
});
