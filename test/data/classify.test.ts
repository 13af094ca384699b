import {
  augmentForClass,
  type ClassifyAugment,
  cropPicture,
  cutRegion,
  denormalised,
  drawErased,
  drawMix,
  drawRegion,
  eraseRegion,
  fitSquare,
  mixPictures,
  normalised,
  type Picture,
  randAugment,
  randAugmentations,
  rng,
  softTargets,
  swinRandAugment,
} from "swinyolo/data";
import { describe, expect, test } from "vitest";
import { noise } from "./pictures.js";

const flat = (width: number, height: number, value: number): Picture => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(value),
});
const ranges = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as const;

describe("random crop", () => {
  test("regions lie inside, and their areas and shapes within the ranges", () => {
    for (let i = 0; i < 500; i++) {
      const random = rng("crop", i);
      const size = { width: 20 + random.int(300), height: 20 + random.int(300) };
      const { left, top, width, height } = drawRegion(size, ranges, random);
      expect(left >= 0 && top >= 0 && left + width <= size.width && top + height <= size.height).toBe(true);
      // Sides are whole numbers.
      const slack = 1 + 1 / width + 1 / height;
      expect(width / height).toBeLessThan((4 / 3) * slack);
      expect(width / height).toBeGreaterThan(3 / 4 / slack);
    }
  });

  test("of a picture that is too long it is the largest centred one", () => {
    expect(drawRegion({ width: 1000, height: 10 }, { ...ranges, scale: [0.9, 1] }, rng(1))).toEqual({
      left: 493,
      top: 0,
      width: 13,
      height: 10,
    });
  });
});

describe("the picture as a classifier sees it", () => {
  test.each(["short", "squash", "square"] as const)("%s: a flat picture stays flat, whatever its shape", (fit) => {
    for (const [w, h] of [
      [31, 90],
      [90, 31],
      [64, 64],
      [7, 5],
    ]) {
      expect(fitSquare(flat(w, h, 77), 32, fit)).toEqual(flat(32, 32, 77));
    }
  });

  test("short: 8/7 of the input's side, then its centre", () => {
    // 256 / 224 * 7 = 8: nothing is resized, one pixel on the left and above is cut off or none (halves go to the even).
    const picture = noise(10, 8);
    expect(fitSquare(picture, 7, "short")).toEqual(cropPicture(picture, { left: 2, top: 0, width: 7, height: 7 }));
  });

  test("normalised planes lead back to the picture", () => {
    const picture = noise(9, 5);
    expect(denormalised(normalised(picture), picture)).toEqual(picture);
    expect(normalised(flat(1, 1, 255))[0]).toBeCloseTo((1 - 0.485) / 0.229, 5);
  });
});

describe("RandAugment", () => {
  test("has timm's fifteen operations, which keep the size and change a picture", () => {
    const picture = noise(12, 9);
    expect(Object.keys(randAugmentations)).toHaveLength(15);
    for (const [name, operation] of Object.entries(randAugmentations)) {
      const made = operation(picture, 0.9, 1);
      expect([made.width, made.height, made.data.length], name).toEqual([12, 9, 324]);
      // Noise has all values already.
      if (name !== "AutoContrast" && name !== "Equalize") expect(made.data, name).not.toEqual(picture.data);
    }
  });

  test("amounts follow the table", () => {
    const grey = flat(4, 4, 100);
    const first = (name: keyof typeof randAugmentations, amount: number, sign: 1 | -1 = 1) =>
      randAugmentations[name](grey, amount, sign).data[0];
    expect(first("PosterizeIncreasing", 0.5)).toBe(64); // 2 bits
    expect(first("SolarizeIncreasing", 0.5)).toBe(100); // threshold 128
    expect(first("SolarizeIncreasing", 0.7)).toBe(155); // threshold 77
    expect(first("SolarizeAdd", 0.5)).toBe(155);
    expect(first("BrightnessIncreasing", 0.5)).toBe(145);
    expect(first("BrightnessIncreasing", 1, -1)).toBe(10);
    expect(first("TranslateXRel", 1)).toBe(100);
    expect([...randAugmentations.TranslateXRel(grey, 1, 1).data.subarray(9, 12)]).toEqual([124, 116, 104]);
  });

  test("leaves a quarter of the pictures alone", () => {
    const picture = noise(6, 6);
    let same = 0;
    for (let i = 0; i < 400; i++) {
      const made = randAugment(picture, { ...swinRandAugment, rng: rng("ra", i) });
      if (made === picture) same++;
    }
    expect(same / 400).toBeGreaterThan(0.18);
    expect(same / 400).toBeLessThan(0.32);
  });
});

describe("random erasing", () => {
  test("regions have 2 to 33 percent of the area", () => {
    const size = { width: 64, height: 48 };
    for (let i = 0; i < 300; i++) {
      const region = drawErased(size, rng("erase", i));
      if (!region) continue;
      const share = (region.width * region.height) / (64 * 48);
      expect(share).toBeGreaterThan(0.015);
      expect(share).toBeLessThan(0.35);
      expect(region.left + region.width <= 64 && region.top + region.height <= 48).toBe(true);
    }
  });

  test("the region becomes normal noise, all else stays", () => {
    const planes = new Float32Array(3 * 40 * 40).fill(9);
    eraseRegion(planes, { width: 40, height: 40 }, { left: 5, top: 10, width: 30, height: 20 }, rng(3));
    const changed = planes.filter((v) => v !== 9);
    expect(changed).toHaveLength(3 * 600);
    const mean = changed.reduce((a, b) => a + b, 0) / changed.length;
    const deviation = Math.sqrt(changed.reduce((a, b) => a + (b - mean) ** 2, 0) / changed.length);
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.1);
    expect(planes[0]).toBe(9);
    expect(planes[10 * 40 + 5]).not.toBe(9);
  });
});

describe("mixup and cutmix", () => {
  const size = { width: 8, height: 6 };
  const batch = () => Float32Array.from({ length: 4 * 3 * 48 }, (_, i) => Math.floor(i / 144) + 1);

  test("mixup blends with the reversed batch", () => {
    const images = batch();
    mixPictures(images, size, { lambda: 0.75 });
    expect([0, 1, 2, 3].map((i) => images[i * 144])).toEqual([1.75, 2.25, 2.75, 3.25]);
  });

  test("cutmix swaps a region with the reversed batch", () => {
    const images = batch();
    mixPictures(images, size, { lambda: 0.5, region: { left: 2, top: 1, width: 3, height: 4 } });
    expect(images.subarray(0, 144).filter((v) => v === 4)).toHaveLength(36);
    expect(images.subarray(432).filter((v) => v === 1)).toHaveLength(36);
    expect([images[8 + 1], images[8 + 2], images[8 + 4], images[8 + 5]]).toEqual([1, 4, 4, 1]);
  });

  test("a cut at the rim is smaller, and the share says so", () => {
    expect(cutRegion({ width: 100, height: 100 }, 0.75, { x: 50, y: 50 })).toEqual({
      left: 25,
      top: 25,
      width: 50,
      height: 50,
    });
    expect(cutRegion({ width: 100, height: 100 }, 0.75, { x: 0, y: 99 })).toEqual({
      left: 0,
      top: 74,
      width: 25,
      height: 26,
    });
    for (let i = 0; i < 50; i++) {
      const { lambda, region } = drawMix({ mixup: 0, cutmix: 1 }, size, rng("mix", i))!;
      expect(lambda).toBeCloseTo(1 - (region!.width * region!.height) / 48, 10);
    }
    expect(drawMix({ mixup: 0, cutmix: 0 }, size, rng(1))).toBeUndefined();
    const kinds = Array.from({ length: 200 }, (_, i) => drawMix({ mixup: 0.8, cutmix: 1 }, size, rng("k", i))!.region);
    expect(kinds.filter(Boolean).length).toBeGreaterThan(70);
    expect(kinds.filter(Boolean).length).toBeLessThan(130);
  });

  test("targets are smoothed and mixed", () => {
    const plain = softTargets([2, 0], { classes: 4, smoothing: 0.1 });
    expect([...plain].map((v) => Math.round(v * 1000) / 1000)).toEqual([
      0.025, 0.025, 0.925, 0.025, 0.925, 0.025, 0.025, 0.025,
    ]);
    const mixed = softTargets([2, 0], { classes: 3, lambda: 0.7 });
    expect([...mixed].map((v) => Math.round(v * 1000) / 1000)).toEqual([0.3, 0, 0.7, 0.7, 0, 0.3]);
  });
});

test("a training picture depends on its key alone", () => {
  const options: ClassifyAugment = {
    ...ranges,
    filter: "bicubic",
    flip: 0.5,
    jitter: { gain: 0.4, probability: 0.5 },
    randAugment: swinRandAugment,
    erase: 0.25,
    mixup: 0.8,
    cutmix: 1,
    smoothing: 0.1,
  };
  const make = (...key: number[]) => augmentForClass(noise(50, 40), { ...options, side: 24, rng: rng(...key) });
  expect(make(1, 2)).toEqual(make(1, 2));
  expect(make(1, 2)).not.toEqual(make(1, 3));
  expect(make(1).every(Number.isFinite)).toBe(true);
  expect(make(1)).toHaveLength(3 * 24 * 24);
});
