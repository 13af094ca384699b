import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { boxIou, checkData, parseLabels, UserError } from "swinyolo/data";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { palette } from "../../quickstart/pictures/colour.js";
import { paint } from "../../quickstart/pictures/paint.js";
import { names, type Thing } from "../../quickstart/pictures/scene.js";
import { drawPicture, makePictures, sceneOf } from "../../quickstart/pictures.js";

const size = 256;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pictures-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a written set", () => {
  const counts = { train: 24, val: 6 };

  test("is a data set without problems, in YOLO's layout, each object's row valid", async () => {
    const told: number[] = [];
    const made = await makePictures(join(folder, "set"), { ...counts, onProgress: (done) => told.push(done) });
    expect(made).toEqual({ data: join(folder, "set", "data.yaml"), names });
    expect(told).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(await checkData(made.data)).toMatchObject({ images: 30, problems: [] });
    for (const [split, count] of Object.entries(counts)) {
      const files = await readdir(join(folder, "set", "labels", split));
      expect(files).toHaveLength(count);
      for (const file of files) {
        const text = await readFile(join(folder, "set", "labels", split, file), "utf8");
        expect(text).toMatch(/^(\d( \d\.\d{6}){4}\n){3,12}$/);
        expect(parseLabels(text, { nc: names.length, file })).toMatchObject({ problems: [] });
        const picture = sharp(join(folder, "set", "images", split, file.replace(".txt", ".jpg")));
        expect(await picture.metadata()).toMatchObject({ width: size, height: size, format: "jpeg" });
      }
    }
  });

  test("is left as it is when asked for again, and drawn anew where a picture is missing or the seed differs", async () => {
    const again = () => makePictures(join(folder, "set"), counts);
    const first = join(folder, "set", "images", "train", "0000.jpg");
    await again();
    const [made, bytes] = [(await stat(first)).mtimeMs, await readFile(first)];
    await again();
    expect((await stat(first)).mtimeMs).toBe(made);
    await rm(first);
    await again();
    expect((await readFile(first)).equals(bytes)).toBe(true);
    await makePictures(join(folder, "set"), { ...counts, seed: 1 });
    expect((await readFile(first)).equals(bytes)).toBe(false);
  });

  test("never replaces somebody's own data set", async () => {
    await writeFile(join(folder, "data.yaml"), "path: .\n");
    await expect(makePictures(folder, counts)).rejects.toThrow(UserError);
    expect(await readFile(join(folder, "data.yaml"), "utf8")).toBe("path: .\n");
  });
});

test("a picture depends on seed, split and index alone", async () => {
  const draw = async (seed: number, split: "train" | "val", index: number) => {
    const { jpeg, labels } = await drawPicture(seed, split, { index, size });
    return jpeg.toString("base64") + labels;
  };
  const first = await draw(0, "train", 0);
  expect(await draw(0, "train", 0)).toBe(first);
  const others = await Promise.all([draw(1, "train", 0), draw(0, "val", 0), draw(0, "train", 1)]);
  expect(new Set([first, ...others]).size).toBe(4);
});

describe.each([0, 1, 2])("the set of seed %i", (seed) => {
  const scenes = (split: "train" | "val", count: number) =>
    Array.from({ length: count }, (_, index) => sceneOf(seed, split, { index, size }).things);
  const train = scenes("train", 600);
  const val = scenes("val", 150);
  const all = [...train, ...val];

  test("has 3 to 12 objects a picture, each number of them", () => {
    const found = new Set(all.map((things) => things.length));
    expect([...found].sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test("has every class in every colour, in each split", () => {
    for (const split of [train, val]) {
      const kinds = new Set(split.flat().map(({ name, colour }) => `${colour} ${name}`));
      expect(kinds.size).toBe(names.length * Object.keys(palette).length);
    }
  });

  test("has objects from 6 to 60 percent of the side, wholly in the picture", () => {
    const sides = all.flat().map(({ box: [x1, y1, x2, y2] }) => Math.max(x2 - x1, y2 - y1) / size);
    expect(Math.min(...sides)).toBeGreaterThanOrEqual(0.06);
    expect(Math.min(...sides)).toBeLessThan(0.07);
    expect(Math.max(...sides)).toBeLessThanOrEqual(0.6);
    expect(Math.max(...sides)).toBeGreaterThan(0.5);
    expect(all.flat().every(({ box }) => box.every((edge) => edge >= 0 && edge <= size))).toBe(true);
  });

  test("has boxes that overlap, to an IoU of 0.3", () => {
    const overlaps = all.flatMap((things) => {
      const boxes = Float32Array.from(things.flatMap(({ box }) => [...box]));
      return [...boxIou(boxes, boxes)].filter((_, i) => i % things.length > Math.floor(i / things.length));
    });
    expect(Math.max(...overlaps)).toBeLessThanOrEqual(0.3);
    expect(Math.max(...overlaps)).toBeGreaterThan(0.25);
  });
});

// An object's own pixels are those that change with its colour: its shadow does not, nor does what hides it.
test("boxes go tightly around what is seen of an object", async () => {
  for (let index = 0; index < 12; index++) {
    const { things, light, random } = sceneOf(3, "train", { index, size });
    const render = (scene: Thing[]) =>
      sharp(Buffer.from(paint(scene, random.split("paint"), { size, light })))
        .raw()
        .toBuffer();
    const before = await render(things);
    for (const [i, thing] of things.entries()) {
      const other = thing.colour === "cream" ? "blue" : "cream";
      const seen = changed(before, await render(things.with(i, { ...thing, colour: other })));
      for (const [side, edge] of thing.box.entries()) {
        const off = Math.abs(seen[side] - edge);
        expect(off, `${thing.colour} ${thing.name} of picture ${index}, side ${side}`).toBeLessThan(1.25);
      }
    }
  }
});

// The box around the pixels (RGBA) that differ.
function changed(a: Uint8Array, b: Uint8Array): number[] {
  let [x1, y1, x2, y2] = [size, size, 0, 0];
  for (let at = 0; at < a.length; at += 4) {
    if (Math.abs(a[at] - b[at]) + Math.abs(a[at + 1] - b[at + 1]) + Math.abs(a[at + 2] - b[at + 2]) < 12) continue;
    const [x, y] = [(at / 4) % size, Math.floor(at / 4 / size)];
    [x1, y1, x2, y2] = [Math.min(x1, x), Math.min(y1, y), Math.max(x2, x + 1), Math.max(y2, y + 1)];
  }
  return [x1, y1, x2, y2];
}
