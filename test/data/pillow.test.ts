import {
  affineBicubic,
  autoContrast,
  brightness,
  contrast,
  equalize,
  type Filter,
  invert,
  type Picture,
  posterize,
  resample,
  rotation,
  saturation,
  sharpness,
  solarize,
} from "swinyolo/data";
import { expect, test } from "vitest";

const value = (x: number, y: number, c: number) => ((x * 37 + y * 91 + c * 53) ^ (x * y * 7)) % 256;
const picture = made(13, 9, (v) => v);
const fill = [124, 116, 104] as const;

function made(width: number, height: number, change: (v: number) => number): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    change(value(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3)),
  );
  return { width, height, data };
}

const sized = (filter: Filter) => ({
  [`${filter} down`]: () => resample(picture, 5, 4, { filter }),
  [`${filter} up`]: () => resample(picture, 20, 17, { filter }),
  [`${filter} mixed`]: () => resample(picture, 6, 15, { filter }),
  [`${filter} same`]: () => resample(picture, 13, 4, { filter }),
});
const enhanced = (name: string, f: (p: Picture, factor: number) => Picture) =>
  Object.fromEntries([0.1, 0.37, 1.81].map((factor) => [`${name} ${factor}`, () => f(picture, factor)]));

const operations: Record<string, () => Picture> = {
  ...sized("bicubic"),
  ...sized("bilinear"),
  "rotate 27": () => affineBicubic(picture, rotation(picture, 27), { fill }),
  "rotate -13.5": () => affineBicubic(picture, rotation(picture, -13.5), { fill }),
  shear: () => affineBicubic(picture, [1, 0.27, 0, 0, 1, 0], { fill }),
  shift: () => affineBicubic(picture, [1, 0, 0, 0, 1, 3.7], { fill }),
  ...enhanced("brightness", brightness),
  ...enhanced("contrast", contrast),
  ...enhanced("saturation", saturation),
  ...enhanced("sharpness", sharpness),
  invert: () => invert(picture),
  "solarize 40": () => solarize(picture, 40),
  "posterize 1": () => posterize(picture, 1),
  autoContrast: () => autoContrast(made(13, 9, (v) => 40 + Math.floor(v / 3))),
  equalize: () => equalize(made(13, 9, (v) => 40 + Math.floor(v / 3))),
  "equalize big": () => equalize(made(64, 48, (v) => Math.floor(v / 2))),
};

// Name, size, sum of (place % 251 + 1) * number, numbers 60 to 65.
const pillow: [string, number[], number, number[]][] = [
  ["bicubic down", [5, 4], 228578, []],
  ["bilinear down", [5, 4], 228453, []],
  ["bicubic up", [20, 17], 16072139, [18, 69, 129, 33, 88, 150]],
  ["bilinear up", [20, 17], 16058763, [27, 80, 133, 46, 97, 151]],
  ["bicubic mixed", [6, 15], 3941290, [89, 133, 141, 170, 133, 137]],
  ["bilinear mixed", [6, 15], 3939870, [100, 134, 131, 160, 132, 132]],
  ["bicubic same", [13, 4], 1533556, [176, 165, 138, 158, 131, 30]],
  ["bilinear same", [13, 4], 1532102, [162, 161, 145, 152, 128, 43]],
  ["rotate 27", [13, 9], 4307961, [163, 87, 75, 148, 62, 32]],
  ["rotate -13.5", [13, 9], 4464228, [33, 69, 165, 70, 131, 240]],
  ["shear", [13, 9], 4282564, [158, 152, 255, 184, 178, 133]],
  ["shift", [13, 9], 4448469, [106, 11, 134, 238, 46, 31]],
  ["brightness 0.1", [13, 9], 413795, [11, 16, 24, 18, 12, 21]],
  ["brightness 0.37", [13, 9], 1577140, [41, 59, 92, 69, 47, 78]],
  ["brightness 1.81", [13, 9], 6279440, [200, 255, 255, 255, 231, 255]],
  ["contrast 0.1", [13, 9], 4474858, [121, 126, 135, 129, 123, 132]],
  ["contrast 0.37", [13, 9], 4418683, [118, 137, 169, 146, 124, 156]],
  ["contrast 1.81", [13, 9], 4215885, [101, 193, 255, 238, 132, 255]],
  ["saturation 0.1", [13, 9], 4174312, [152, 157, 166, 158, 152, 160]],
  ["saturation 0.37", [13, 9], 4208683, [139, 158, 191, 166, 145, 176]],
  ["saturation 1.81", [13, 9], 4409128, [73, 166, 255, 212, 106, 255]],
  ["sharpness 0.1", [13, 9], 4354073, [122, 125, 177, 145, 124, 155]],
  ["sharpness 0.37", [13, 9], 4335030, [119, 136, 199, 158, 125, 172]],
  ["sharpness 1.81", [13, 9], 4241035, [100, 195, 255, 224, 131, 255]],
  ["invert", [13, 9], 5043164, [144, 93, 6, 68, 127, 42]],
  ["solarize 40", [13, 9], 3489006, [144, 93, 6, 68, 127, 42]],
  ["posterize 1", [13, 9], 2021248, [0, 128, 128, 128, 128, 128]],
  ["autoContrast", [13, 9], 4305399, [112, 163, 251, 188, 127, 215]],
  ["equalize", [13, 9], 2891172, [77, 94, 123, 102, 82, 111]],
  ["equalize big", [64, 48], 158706707, [250, 30, 84, 9, 73, 120]],
];

test.each(pillow)("%s gives the numbers of Pillow 12.3", (name, size, sum, some) => {
  const { width, height, data } = operations[name]();
  expect([width, height]).toEqual(size);
  expect([...data.subarray(60, 66)]).toEqual(some);
  expect(data.reduce((total, v, i) => total + ((i % 251) + 1) * v, 0)).toBe(sum);
});
