import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodePicture, encodePicture, type Picture, pictureSize, resize, writePicture } from "swinyolo/data";
import { describe, expect, it } from "vitest";
import { hasShared, shared } from "../paths.js";
import { farthest } from "./pictures.js";
import { temporaryFolder } from "./temporary.js";

interface Expected {
  readonly upright?: [number, number];
  readonly mean_rgb?: number[];
  readonly quadrant_mean?: number[];
  readonly error?: string;
}

const folder = (name: string) => shared("data", "test_images", name);
const table: [string, Expected][] = hasShared
  ? Object.entries(JSON.parse(readFileSync(folder("expected.json"), "utf8")) as Record<string, Expected>)
  : [];

// CMYK has no one way to RGB; JPEG and WebP decoders differ by rounding.
const levels = (name: string) => (name.includes("cmyk") ? 4 : 0.5);

describe.skipIf(!hasShared)("pictures as Pillow sees them", () => {
  it.each(table.filter(([, { upright }]) => upright && upright[0] > 0))("%s", async (name, expected) => {
    if (expected.error) return await expect(decodePicture(folder(name))).rejects.toThrow(name);
    const picture = await decodePicture(folder(name));
    expect([picture.width, picture.height]).toEqual(expected.upright);
    expect(await pictureSize(folder(name))).toEqual({ width: picture.width, height: picture.height });
    for (const [i, mean] of means(picture).entries()) {
      expect(Math.abs(mean - expected.mean_rgb![i])).toBeLessThanOrEqual(levels(name));
    }
    for (const [i, mean] of quadrants(picture).entries()) {
      expect(Math.abs(mean - expected.quadrant_mean![i])).toBeLessThanOrEqual(levels(name));
    }
  });

  it("AVIF, with and without alpha", async () => {
    expect(means(await decodePicture(folder("hopper.avif")))).toHaveLength(3);
    const { width, height } = await decodePicture(folder("transparency.avif"));
    expect([width, height]).toEqual([64, 64]);
  });

  it.each(["truncated.jpg", "corrupt-header.jpg"])("%s is refused by name, in one line", async (name) => {
    const error = await decodePicture(folder(name)).catch((error: unknown) => error);
    expect(error).toMatchObject({ name: "UserError" });
    expect(String(error)).toContain(name);
    expect(String(error)).not.toContain("\n");
  });
});

describe("what is no picture", () => {
  it.each([
    ["nothing", ""],
    ["text", "hello, this is text"],
    ["SVG, which would run as a document", '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"/>'],
    ["a JPEG's first bytes", "\xff\xd8\xff\xe0"],
    ["a BMP's first bytes", "BM\0\0\0\0"],
  ])("%s", async (_, text) => {
    await expect(decodePicture(Buffer.from(text, "latin1"), { name: "a.jpg" })).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(/^a\.jpg: /),
    });
  });

  it("a file that is not there", async () => {
    await expect(decodePicture("/nowhere/a.jpg")).rejects.toThrow("/nowhere/a.jpg: no such file");
  });
});

describe("BMP", () => {
  it.each([
    [
      "24 bits, bottom up",
      bmp({
        bits: 24,
        rows: [
          [0, 0, 255, 0, 255, 0, 0, 0],
          [255, 0, 0, 1, 2, 3, 0, 0],
        ],
      }),
    ],
    [
      "24 bits, top down",
      bmp({
        bits: 24,
        height: -2,
        rows: [
          [255, 0, 0, 1, 2, 3, 0, 0],
          [0, 0, 255, 0, 255, 0, 0, 0],
        ],
      }),
    ],
    [
      "32 bits",
      bmp({
        bits: 32,
        rows: [
          [0, 0, 255, 9, 0, 255, 0, 9],
          [255, 0, 0, 9, 1, 2, 3, 9],
        ],
      }),
    ],
    [
      "8 bits with a palette",
      bmp({
        bits: 8,
        palette: [0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 1, 2, 3, 0],
        rows: [
          [0, 1, 0, 0],
          [2, 3, 0, 0],
        ],
      }),
    ],
    [
      "4 bits with a palette",
      bmp({
        bits: 4,
        palette: [0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 1, 2, 3, 0],
        rows: [
          [0x01, 0, 0, 0],
          [0x23, 0, 0, 0],
        ],
      }),
    ],
  ])("%s", async (_, bytes) => {
    const { width, height, data } = await decodePicture(bytes);
    expect([width, height, ...data]).toEqual([2, 2, 0, 0, 255, 3, 2, 1, 255, 0, 0, 0, 255, 0]);
  });

  it.each([
    ["cut short", bmp({ bits: 24, rows: [[0, 0, 255, 0, 255, 0, 0, 0]] })],
    [
      "a colour beyond its palette",
      bmp({
        bits: 8,
        palette: [0, 0, 0, 0],
        rows: [
          [0, 1, 0, 0],
          [0, 0, 0, 0],
        ],
      }),
    ],
    [
      "compressed",
      bmp({
        bits: 8,
        compression: 1,
        palette: [0, 0, 0, 0],
        rows: [
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ],
      }),
    ],
    ["two thousand million pixels wide", bmp({ bits: 24, width: 2_000_000_000, rows: [[0]] })],
  ])("%s is refused", async (_, bytes) => {
    await expect(decodePicture(bytes, { name: "a.bmp" })).rejects.toThrow(/^a\.bmp: /);
  });
});

describe("written pictures", () => {
  const picture: Picture = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i * 14) };

  it("PNG comes back the same", async () => {
    expect((await decodePicture(await encodePicture(picture, "png"))).data).toEqual(picture.data);
  });

  it("a JPEG file comes back nearly the same", async () => {
    const path = join(temporaryFolder(), "a.jpg");
    const flat = { ...picture, data: new Uint8Array(18).fill(77) };
    await writePicture(flat, path);
    for (const value of (await decodePicture(path)).data) expect(Math.abs(value - 77)).toBeLessThanOrEqual(1);
    writeFileSync(path, readFileSync(path).subarray(0, 200));
    await expect(decodePicture(path)).rejects.toThrow(path);
  });

  it("other endings are refused", async () => {
    await expect(writePicture(picture, "a.exe")).rejects.toThrow("a.exe: pictures are written as .jpg or .png");
  });
});

describe("at reduced scale", () => {
  // Red grows to the right, green downwards, blue with both.
  const [width, height] = [401, 302];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [(Math.floor(i / 3) % width) / width, Math.floor(i / 3 / width) / height];
    return 255 * [x, y, (x + y) / 2][i % 3];
  });
  const whole: Picture = { width, height, data };
  const at = (width: number, height: number) => ({ name: "a.jpg", wanted: () => ({ width, height }) });

  it.each([
    [133, 100],
    [100, 75],
    [50, 37],
    [20, 15],
  ])("a JPEG of 401 x 302 comes at %i x %i as the mean of its pixels, within 6 levels", async (width, height) => {
    const reduced = await decodePicture(await encodePicture(whole, "jpg"), at(width, height));
    expect([reduced.width, reduced.height]).toEqual([width, height]);
    const mean = resize(await decodePicture(await encodePicture(whole, "jpg")), width, height, {
      interpolation: "area",
    });
    expect(farthest(reduced, mean)).toBeLessThanOrEqual(6);
  });

  it("a JPEG that lies on its side is upright", async () => {
    const reduced = await decodePicture(turned(await encodePicture(whole, "jpg")), at(30, 40));
    const mean = resize(await decodePicture(turned(await encodePicture(whole, "jpg"))), 30, 40, {
      interpolation: "area",
    });
    expect([reduced.width, reduced.height]).toEqual([30, 40]);
    expect(farthest(reduced, mean)).toBeLessThanOrEqual(6);
  });

  it("what is less than 3 times as large, and what is no JPEG, comes whole", async () => {
    const [jpeg, png] = [await encodePicture(whole, "jpg"), await encodePicture(whole, "png")];
    const decoded = await decodePicture(jpeg);
    for (const same of [await decodePicture(jpeg, at(134, 100)), await decodePicture(jpeg, at(20, 101))]) {
      expect([same.width, same.height, farthest(same, decoded)]).toEqual([width, height, 0]);
    }
    const same = await decodePicture(png, at(20, 15));
    expect([same.width, same.height, farthest(same, whole)]).toEqual([width, height, 0]);
  });

  it("a JPEG that is cut short is refused all the same", async () => {
    const bytes = await encodePicture(whole, "jpg");
    await expect(decodePicture(bytes.subarray(0, bytes.length / 2), at(20, 15))).rejects.toThrow(/^a\.jpg: /);
  });
});

// The same JPEG with an EXIF note that a viewer has to turn it by 90 degrees (orientation 6).
function turned(jpeg: Uint8Array): Uint8Array {
  const tiff = Buffer.from("4d4d002a00000008000101120003000000010006000000000000", "hex");
  const exif = Buffer.concat([
    Buffer.from("ffe1", "hex"),
    Buffer.from([0, 8 + tiff.length]),
    Buffer.from("Exif\0\0"),
    tiff,
  ]);
  return Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]);
}

function means({ data }: Picture): number[] {
  const sums = [0, 0, 0];
  for (const [i, value] of data.entries()) sums[i % 3] += value;
  return sums.map((sum) => sum / (data.length / 3));
}

// Top left, top right, bottom left, bottom right.
function quadrants({ width, height, data }: Picture): number[] {
  const [sums, counts] = [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ];
  const [halfX, halfY] = [Math.floor(width / 2), Math.floor(height / 2)];
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const quadrant = (pixel % width >= halfX ? 1 : 0) + (pixel >= halfY * width ? 2 : 0);
    sums[quadrant] += data[i];
    counts[quadrant]++;
  }
  return sums.map((sum, i) => sum / counts[i]);
}

function bmp({
  bits,
  rows,
  palette = [],
  width = 2,
  height = 2,
  compression = 0,
}: {
  bits: number;
  rows: number[][];
  palette?: number[];
  width?: number;
  height?: number;
  compression?: number;
}): Uint8Array {
  const header = new DataView(new ArrayBuffer(54));
  header.setUint16(0, 0x4d42, true);
  header.setUint32(10, 54 + palette.length, true);
  header.setUint32(14, 40, true);
  header.setInt32(18, width, true);
  header.setInt32(22, height, true);
  header.setUint16(26, 1, true);
  header.setUint16(28, bits, true);
  header.setUint32(30, compression, true);
  header.setUint32(46, palette.length / 4, true);
  return Uint8Array.from([...new Uint8Array(header.buffer), ...palette, ...rows.flat()]);
}
