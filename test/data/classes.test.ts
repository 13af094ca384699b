import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ClassBatch,
  type ClassifyAugment,
  createClassLoader,
  encodePicture,
  readClassFolders,
  scanClasses,
  swinRandAugment,
} from "swinyolo/data";
import { beforeAll, describe, expect, test } from "vitest";
import { noise } from "./pictures.js";
import { temporaryFolder } from "./temporary.js";

let png: Uint8Array;
beforeAll(async () => {
  png = await encodePicture(noise(30, 20), "png");
});

/** A folder of such pictures: their paths inside it. */
function folderOf(...paths: readonly string[]): string {
  const folder = temporaryFolder();
  for (const path of paths) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), png);
  }
  return folder;
}

const shortened = (folder: string, pictures: readonly { path: string; label: number }[]) =>
  pictures.map(({ path, label }) => `${path.slice(folder.length + 1)} ${label}`);

describe("class folders", () => {
  test("train and val, names sorted", () => {
    const folder = folderOf("train/b/1.png", "train/a/2.png", "train/a/1.png", "val/a/9.png", "val/b/8.png");
    const { names, splits } = readClassFolders(folder);
    expect(names).toEqual(["a", "b"]);
    expect(shortened(folder, splits.train)).toEqual(["train/a/1.png 0", "train/a/2.png 0", "train/b/1.png 1"]);
    expect(shortened(folder, splits.val)).toEqual(["val/a/9.png 0", "val/b/8.png 1"]);
  });

  test("test stands for val where there is none", () => {
    const folder = folderOf("train/a/1.png", "train/b/1.png", "test/a/2.png", "test/b/2.png");
    const { splits, messages } = readClassFolders(folder);
    expect(shortened(folder, splits.val)).toEqual(["test/a/2.png 0", "test/b/2.png 1"]);
    expect(messages).toEqual(["there is no val folder: test is validated on"]);
  });

  test("class folders alone are split by a seed, a fifth of every class for validation", () => {
    const paths = ["a", "b"].flatMap((name) => Array.from({ length: 10 }, (_, i) => `${name}/${i}.png`));
    const folder = folderOf(...paths);
    const { splits } = readClassFolders(folder, { seed: 1 });
    expect([splits.train.length, splits.val.length]).toEqual([16, 4]);
    expect(splits.val.map(({ label }) => label)).toEqual([0, 0, 1, 1]);
    expect(new Set([...splits.train, ...splits.val].map(({ path }) => path)).size).toBe(20);
    expect(readClassFolders(folder, { seed: 1 })).toEqual(readClassFolders(folder, { seed: 1 }));
    expect(readClassFolders(folder, { seed: 2 }).splits.val).not.toEqual(splits.val);
  });

  test.each([
    [[], /: no folders, expected train\/CLASS\/\*\.jpg and val\/CLASS\/\*\.jpg, or CLASS\/\*\.jpg$/],
    [["train/a/1.png"], /val: no pictures, expected val\/CLASS\/\*\.jpg \(or test\)$/],
    [["train/1.png", "val/a/1.png"], /train: no folders, expected one for each class$/],
    [["train/a/1.png", "val/c/1.png"], /val\/c: no class of that name \(a\)$/],
    [["a/1.png", "b/1.png"], /no class folder has two pictures or more/],
  ])("%j is refused", (paths, message) => {
    expect(() => readClassFolders(folderOf(...paths))).toThrow(message);
  });

  test("a missing folder is named", () => {
    expect(() => readClassFolders("/nowhere/flowers")).toThrow("/nowhere/flowers: no such file");
  });
});

describe("batches", () => {
  const augment: ClassifyAugment = {
    scale: [0.08, 1],
    ratio: [3 / 4, 4 / 3],
    filter: "bicubic",
    flip: 0.5,
    jitter: { gain: 0, probability: 0 },
    randAugment: swinRandAugment,
    erase: 0.25,
    mixup: 0.8,
    cutmix: 1,
    smoothing: 0.1,
  };
  const paths = ["a", "b", "c"].flatMap((name) => [1, 2, 3].map((i) => `train/${name}/${i}.png`));

  async function batchesOf(
    options: Partial<Parameters<typeof createClassLoader>[1]>,
    epoch = 0,
  ): Promise<ClassBatch[]> {
    const { splits } = readClassFolders(folder, { need: ["train"] });
    const { entries } = await scanClasses(splits.train);
    const loader = createClassLoader(entries, { classes: 3, imgsz: 16, batch: 4, fit: "short", seed: 5, ...options });
    const all: ClassBatch[] = [];
    for await (const batch of loader.epoch(epoch)) all.push(batch);
    await loader.close();
    return all;
  }
  let folder = "";
  beforeAll(() => {
    folder = folderOf(...paths);
  });

  test("for validation come in order, hard targets, the last one smaller", async () => {
    const batches = await batchesOf({});
    expect(batches.map(({ shape }) => shape)).toEqual([
      [4, 3, 16, 16],
      [4, 3, 16, 16],
      [1, 3, 16, 16],
    ]);
    expect(batches.flatMap(({ sources }) => sources.map(({ label }) => label))).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
    expect([...batches[2].targets]).toEqual([0, 0, 1]);
  });

  test("for training do not depend on workers or caches, but on the epoch", async () => {
    const here = await batchesOf({ augment, dropLast: true });
    expect(here).toHaveLength(2);
    expect(await batchesOf({ augment, dropLast: true, workers: 2, cache: "ram" })).toEqual(here);
    expect((await batchesOf({ augment, dropLast: true }, 1))[0].images).not.toEqual(here[0].images);
    for (const { targets, images } of here) {
      expect(images.every(Number.isFinite)).toBe(true);
      for (let i = 0; i < 4; i++) {
        expect(targets.subarray(3 * i, 3 * i + 3).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      }
    }
  });

  test("a broken picture is left out and named", async () => {
    const broken = folderOf("train/a/1.png", "train/b/1.png");
    writeFileSync(join(broken, "train/a/2.png"), "no picture");
    const { splits } = readClassFolders(broken, { need: ["train"] });
    const { entries, problems } = await scanClasses(splits.train);
    expect(entries).toHaveLength(2);
    expect(problems[0].file).toMatch(/a\/2\.png$/);
  });
});
