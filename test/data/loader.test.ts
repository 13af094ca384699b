import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  type Batch,
  createLoader,
  type Entry,
  encodePicture,
  type LoaderOptions,
  type Picture,
  rng,
  scaleBoxes,
  scanSplit,
} from "swinyolo/data";
import { describe, expect, it } from "vitest";
import { root } from "../paths.js";
import { waves } from "./pictures.js";
import { temporaryFolder } from "./temporary.js";

const hyp = { hsv_h: 0.015, hsv_s: 0.7, hsv_v: 0.4, translate: 0.1, scale: 0.5, fliplr: 0.5, mosaic: 1, mixup: 0.5 };
const sizes = [
  [64, 48],
  [48, 64],
  [40, 40],
  [100, 50],
  [30, 20],
  [64, 48],
  [20, 60],
  [64, 64],
  [50, 50],
];

/** Nine small pictures of noise with up to 3 objects each, scanned. */
async function pictures(): Promise<Entry[]> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "images"));
  mkdirSync(join(folder, "labels"));
  const paths = sizes.map((_, i) => join(folder, "images", `${i}.png`));
  for (const [i, [width, height]] of sizes.entries()) {
    writeFileSync(paths[i], await encodePicture(noise(i, width, height), "png"));
    const rows = Array.from({ length: i % 4 }, (_, k) => `${k} 0.5 0.5 0.${k + 2} 0.4`);
    writeFileSync(join(folder, "labels", `${i}.txt`), rows.join("\n"));
  }
  return [...(await scanSplit(paths, { nc: 3 })).entries];
}

function noise(seed: number, width: number, height: number): Picture {
  const numbers = rng(seed, "noise");
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => numbers.int(256)) };
}

const entries = await pictures();

/** All batches of some epochs. */
async function batchesOf(
  { of = entries, ...options }: Partial<LoaderOptions> & { of?: readonly Entry[] },
  epochs = [0],
): Promise<Batch[]> {
  const loader = createLoader(of, { imgsz: 64, batch: 4, ...options });
  const batches: Batch[] = [];
  for (const n of epochs) for await (const batch of loader.epoch(n)) batches.push(batch);
  await loader.close();
  return batches;
}

describe("the batches are the same", () => {
  it.each([1, 2, 3])("with %i workers as with none", async (workers) => {
    expect(await batchesOf({ hyp, workers, seed: 3 }, [0, 1])).toEqual(await batchesOf({ hyp, seed: 3 }, [0, 1]));
  });

  it.each([0, 2])("with the next epoch prepared while another or nothing goes on, %i workers", async (workers) => {
    const loader = createLoader(entries, { imgsz: 64, batch: 4, hyp, workers });
    const batches: Batch[] = [];
    loader.prepare(7); // not asked for in the end
    loader.prepare(0);
    for (const n of [0, 1]) {
      for await (const batch of loader.epoch(n)) batches.push(batch);
      loader.prepare(n + 1);
    }
    expect(batches).toEqual(await batchesOf({ hyp }, [0, 1]));
    for await (const { sources } of loader.epoch(5, { indices: [3] })) expect(sources[0].index).toBe(3);
    loader.prepare(3); // left alone
    await loader.close();
  });

  it("with pictures kept in memory, by workers or here", async () => {
    const plain = await batchesOf({ hyp }, [0, 1]);
    expect(await batchesOf({ hyp, cache: "ram" }, [0, 1])).toEqual(plain);
    expect(await batchesOf({ hyp, cache: "ram", workers: 2 }, [0, 1])).toEqual(plain);
  });

  it("with pictures kept on disk, when they are written and when they are read", async () => {
    const cacheFolder = temporaryFolder();
    const plain = await batchesOf({ hyp }, [0]);
    expect(await batchesOf({ hyp, cache: "disk", cacheFolder, workers: 2 })).toEqual(plain);
    expect(readdirSync(cacheFolder)).toHaveLength(sizes.length);
    expect(await batchesOf({ hyp, cache: "disk", cacheFolder })).toEqual(plain);
  });

  it.each([undefined, hyp])("with large JPEGs at reduced scale (augmented: %j)", async (hyp) => {
    const [folder, cacheFolder] = [temporaryFolder(), temporaryFolder()];
    const paths = [240, 180].map((height) => join(folder, `${height}.jpg`));
    for (const path of paths)
      writeFileSync(path, await encodePicture(waves(320, Number.parseInt(basename(path), 10)), "jpg"));
    for (const path of paths) writeFileSync(path.replace("jpg", "txt"), "0 0.5 0.5 0.25 0.5");
    const { entries: of } = await scanSplit(paths, { nc: 1 });
    const options = { of, hyp, batch: 2, cacheFolder };
    const full = await batchesOf({ ...options, cache: "disk" });
    const reduced = await batchesOf({ ...options, decode: "reduced" });
    for (const cache of ["ram", "disk", "disk"] as const) {
      expect(await batchesOf({ ...options, decode: "reduced", cache, workers: 2 })).toEqual(reduced);
    }
    expect(await batchesOf({ ...options, cache: "disk" })).toEqual(full);
    expect(reduced).not.toEqual(full);
    for (const [i, { images, ...rest }] of reduced.entries()) {
      const { images: exact, ...same } = full[i];
      expect(rest).toEqual(same);
      expect(images.reduce((sum, x, k) => sum + Math.abs(x - exact[k]), 0) / images.length).toBeLessThan(2);
    }
  });

  it("but not with another seed, in another epoch, or where an index repeats", async () => {
    const [first] = await batchesOf({ hyp, seed: 1 });
    expect((await batchesOf({ hyp, seed: 2 }))[0].images).not.toEqual(first.images);
    expect((await batchesOf({ hyp, seed: 1 }, [1]))[0].images).not.toEqual(first.images);
    const loader = createLoader(entries, { imgsz: 64, batch: 2, hyp });
    for await (const { images, sources } of loader.epoch(0, { indices: [5, 5] })) {
      expect(sources.map(({ index }) => index)).toEqual([5, 5]);
      expect(images.slice(0, images.length / 2)).not.toEqual(images.slice(images.length / 2));
    }
  });
});

describe("an epoch", () => {
  it("has every picture once, shuffled when augmenting", async () => {
    const indices = (await batchesOf({ hyp })).flatMap(({ sources }) => sources.map(({ index }) => index));
    expect([...indices].sort()).toEqual([...sizes.keys()]);
    expect(indices).not.toEqual([...sizes.keys()]);
    expect((await batchesOf({})).flatMap(({ sources }) => sources.map(({ index }) => index))).toEqual([
      ...sizes.keys(),
    ]);
  });

  it("ends with a smaller batch, or without it", async () => {
    expect((await batchesOf({})).map(({ shape }) => shape)).toEqual([
      [4, 3, 64, 64],
      [4, 3, 64, 64],
      [1, 3, 64, 64],
    ]);
    expect(await batchesOf({ dropLast: true })).toHaveLength(2);
    expect(createLoader(entries, { imgsz: 64, batch: 4 }).batches).toBe(3);
  });
});

describe("a picture in a batch", () => {
  it("is letterboxed, its planes RGB, its box carried along and back", async () => {
    const [{ images, targets, sources, shape }] = await batchesOf({ imgsz: 64 });
    // Picture 1 is 48 x 64: no resize, 8 columns of gray on each side.
    const picture = noise(1, 48, 64);
    const at = (channel: number, y: number, x: number) => images[((1 * 3 + channel) * 64 + y) * 64 + x];
    expect([at(0, 5, 7), at(0, 5, 8), at(1, 5, 8), at(2, 5, 8), at(2, 5, 56)]).toEqual([
      114,
      ...picture.data.subarray(5 * 48 * 3, 5 * 48 * 3 + 3),
      114,
    ]);
    expect(sources[1]).toMatchObject({ index: 1, width: 48, height: 64, ratio: [1, 1], pad: [8, 0] });
    const rows = Array.from({ length: targets.length / 6 }, (_, i) => [...targets.subarray(6 * i, 6 * i + 6)]);
    expect(rows.map(([image, cls]) => [image, cls])).toEqual([
      [1, 0],
      [2, 0],
      [2, 1],
      [3, 0],
      [3, 1],
      [3, 2],
    ]);
    // Picture 3 is 100 x 50, fitted to 64 x 32; its first box is the middle fifth, four tenths high.
    const [, , cx, cy, w, h] = rows[3];
    const corners = Float32Array.of((cx - w / 2) * 64, (cy - h / 2) * 64, (cx + w / 2) * 64, (cy + h / 2) * 64);
    const { ratio, pad } = sources[3];
    const back = scaleBoxes(corners, { from: { width: shape[3], height: shape[2] }, to: sources[3], ratio, pad });
    for (const [i, value] of [40, 15, 60, 35].entries()) expect(back[i]).toBeCloseTo(value, 3);
  });

  it("is averaged when it shrinks for validation, and not blended", async () => {
    const [, { images }] = await batchesOf({ imgsz: 32, batch: 7, dropLast: false });
    const picture = noise(7, 64, 64);
    const mean = [0, 3, 64 * 3, 64 * 3 + 3].reduce((sum, i) => sum + picture.data[i], 0) / 4;
    expect(Math.abs(images[0] - mean)).toBeLessThanOrEqual(0.5);
  });
});

describe("rectangular batches", () => {
  it.each([
    [
      [
        [4, 2],
        [4, 3],
      ],
      0.5,
      [512, 672],
    ],
    [
      [
        [10, 9],
        [10, 12],
      ],
      0.5,
      [672, 672],
    ],
    [
      [
        [3, 4],
        [2, 3],
      ],
      0.5,
      [672, 512],
    ],
    [[[16, 9]], 0.5, [384, 672]],
    [
      [
        [4, 2],
        [4, 3],
      ],
      0,
      [480, 640],
    ],
    [
      [
        [10, 9],
        [10, 12],
      ],
      0,
      [640, 640],
    ],
  ])("pictures of %j with pad %d", async (sizes, pad, expected) => {
    const folder = temporaryFolder();
    const paths = await Promise.all(
      sizes.map(async ([w, h], i) => {
        const path = join(folder, `${i}.png`);
        const [width, height] = [w * 12, h * 12];
        writeFileSync(path, await encodePicture({ width, height, data: new Uint8Array(width * height * 3) }, "png"));
        return path;
      }),
    );
    const scan = await scanSplit(paths, { nc: 1 });
    const loader = createLoader(scan.entries, { imgsz: 640, batch: 2, rect: true, pad });
    for await (const { shape } of loader.epoch(0)) expect(shape.slice(2)).toEqual(expected);
  });

  it("go from wide to high, with whichever workers, and never mosaics", async () => {
    const batches = await batchesOf({ rect: true, pad: 0.5, workers: 2 });
    const aspects = batches.flatMap(({ sources }) => sources.map(({ width, height }) => height / width));
    expect(aspects).toEqual([...aspects].sort((a, b) => a - b));
    expect(batches).toEqual(await batchesOf({ rect: true, pad: 0.5 }));
    expect((await batchesOf({ rect: true, hyp })).map(({ shape }) => shape.slice(2))).toEqual([
      [64, 64],
      [64, 64],
      [64, 32],
    ]);
  });
});

describe("leaving and failing", () => {
  it.each([0, 2])("an early break leaves the loader usable, %i workers", async (workers) => {
    const loader = createLoader(entries, { imgsz: 64, batch: 2, hyp, workers });
    for await (const _ of loader.epoch(0)) break;
    const indices: number[] = [];
    for await (const { sources } of loader.epoch(1)) indices.push(...sources.map(({ index }) => index));
    expect(indices.sort()).toEqual([...sizes.keys()]);
    await loader.close();
  });

  it.each([0, 2])("a picture that breaks after the scan ends the epoch by name, %i workers", async (workers) => {
    const folder = temporaryFolder();
    const paths = [0, 1, 2].map((i) => join(folder, `${i}.png`));
    for (const [i, path] of paths.entries()) writeFileSync(path, await encodePicture(noise(i, 20, 20), "png"));
    const { entries } = await scanSplit(paths, { nc: 1 });
    writeFileSync(paths[1], "no picture any more");
    const loader = createLoader(entries, { imgsz: 32, batch: 1, workers });
    const seen: number[] = [];
    const run = async () => {
      for await (const { sources } of loader.epoch(0)) seen.push(sources[0].index);
    };
    await expect(run()).rejects.toMatchObject({ name: "UserError", message: expect.stringContaining(paths[1]) });
    expect(seen).toEqual([0]);
    await loader.close();
  });

  it("an epoch under way fails when the loader is closed", async () => {
    const loader = createLoader(entries, { imgsz: 64, batch: 1, hyp, workers: 1 });
    const run = async () => {
      for await (const _ of loader.epoch(0)) await loader.close();
    };
    await expect(run()).rejects.toThrow("the loader is closed");
  });

  it("workers that are left alone do not keep the process", () => {
    const script = `
      import { createLoader, scanSplit } from "swinyolo/data";
      const { entries } = await scanSplit(${JSON.stringify(entries.map(({ path }) => path))}, { nc: 3 });
      const loader = createLoader(entries, { imgsz: 64, batch: 2, workers: 2 });
      for await (const batch of loader.epoch(0)) { console.log(batch.shape.join()); break; }
    `;
    const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect([stdout, status]).toEqual(["2,3,64,64\n", 0]);
  });

  it("options that make no sense", () => {
    expect(() => createLoader(entries, { imgsz: 64, batch: 0 })).toThrow("batch is 0, expected a whole number from 1");
    expect(() => createLoader(entries, { imgsz: 64, batch: 1, workers: -1 })).toThrow("workers is -1");
  });
});

it("a disk cache notices that a picture has changed", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "a.png");
  const first = async () => {
    const { entries } = await scanSplit([path], { nc: 1 });
    const loader = createLoader(entries, { imgsz: 20, batch: 1, cache: "disk", cacheFolder: folder });
    for await (const { images } of loader.epoch(0)) return images[0];
  };
  const flat = (level: number) =>
    encodePicture({ width: 20, height: 20, data: new Uint8Array(1200).fill(level) }, "png");
  writeFileSync(path, await flat(10));
  expect(await first()).toBe(10);
  writeFileSync(path, await flat(20));
  utimesSync(path, new Date(), new Date(Date.now() + 5000));
  expect(await first()).toBe(20);
});
