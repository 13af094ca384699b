import { type AugmentHyp, augmentSample, rng, type Sample } from "swinyolo/data";
import { describe, expect, test } from "vitest";
import { boxesOf, waves } from "./pictures.js";

const imgsz = 64;
const triangle = Float32Array.of(0.3, 0.3, 0.7, 0.3, 0.5, 0.7);
const load = (i: number): Sample => ({
  picture: i % 2 ? waves(64, 48, i) : waves(40, 64, i),
  labels: { ...boxesOf([0.5, 0.5, 0.4, 0.4], [0.2, 0.3, 0.2, 0.3]), segments: [triangle, undefined] },
});
const everything: AugmentHyp = {
  mosaic: 0.7,
  mixup: 0.5,
  copy_paste: 0.5,
  degrees: 10,
  translate: 0.1,
  scale: 0.5,
  shear: 2,
  perspective: 0.0005,
  hsv_h: 0.015,
  hsv_s: 0.7,
  hsv_v: 0.4,
  flipud: 0.3,
  fliplr: 0.5,
};
const sample = (index: number, hyp: AugmentHyp, seed = 0) =>
  augmentSample(index, { load, count: 6, imgsz, hyp, rng: rng(seed, 0, index) });

describe("the training sample", () => {
  test("depends on the key and not on what was made before", async () => {
    const first = await sample(3, everything);
    await sample(4, everything);
    expect(await sample(3, everything)).toEqual(first);
    expect((await sample(3, everything, 1)).picture.data).not.toEqual(first.picture.data);
  });

  test("is a square with fractions for labels, whatever is drawn", async () => {
    for (let i = 0; i < 40; i++) {
      const { picture, labels } = await sample(i % 6, everything, i);
      expect([picture.width, picture.height, picture.data.length]).toEqual([imgsz, imgsz, imgsz * imgsz * 3]);
      expect(labels.boxes.length).toBe(labels.classes.length * 4);
      for (let k = 0; k < labels.boxes.length; k += 4) {
        const [x, y, w, h] = labels.boxes.subarray(k, k + 4);
        expect(Math.min(x - w / 2, y - h / 2)).toBeGreaterThan(-1e-6);
        expect(Math.max(x + w / 2, y + h / 2)).toBeLessThan(1 + 1e-6);
        expect(Math.min(w, h) * imgsz).toBeGreaterThan(1.9);
      }
    }
  });

  test("without any gains is the letterboxed picture", async () => {
    const { picture, labels } = await sample(1, {});
    expect([...picture.data.subarray(8 * 64 * 3, 8 * 64 * 3 + 6)]).toEqual([...waves(64, 48, 1).data.subarray(0, 6)]);
    expect(picture.data[0]).toBe(114);
    expect(Array.from(labels.boxes, (x) => Number(x.toFixed(5)))).toEqual([0.5, 0.5, 0.4, 0.3, 0.2, 0.35, 0.2, 0.225]);
  });

  test("of a batch of one shape has that shape and no mosaic", async () => {
    const shape = { width: 64, height: 32 };
    const options = { load, count: 6, imgsz, hyp: { mosaic: 1 }, rng: rng(0), shape };
    const { picture, labels } = await augmentSample(1, options);
    expect([picture.width, picture.height, labels.classes.length]).toEqual([64, 32, 2]);
  });

  test("takes mosaics and mixtures as often as they should come", async () => {
    let [loads, mosaics, mixed] = [0, 0, 0];
    for (let i = 0; i < 200; i++) {
      loads = 0;
      const counted = (k: number) => {
        loads++;
        return load(k);
      };
      await augmentSample(0, {
        load: counted,
        count: 6,
        imgsz,
        hyp: { mosaic: 0.5, mixup: 0.5 },
        rng: rng("often", i),
      });
      if (loads >= 4) mosaics++;
      if (loads === 8) mixed++;
    }
    expect(Math.abs(mosaics - 100)).toBeLessThan(32);
    expect(Math.abs(mixed - 50)).toBeLessThan(28);
  });
});
