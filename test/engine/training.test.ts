import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePicture, rng } from "swinyolo/data";
import { Detector, exportModel, predict, type TrainEvent, train, val } from "swinyolo/engine";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collected, digest } from "./runs.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-training-"));
const data = join(folder, "data.yaml");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Twelve pictures of noise with a bright square each: enough to run everything, too little to learn much.
beforeAll(async () => {
  for (const split of ["train", "val"]) {
    mkdirSync(join(folder, "images", split), { recursive: true });
    mkdirSync(join(folder, "labels", split), { recursive: true });
    for (let i = 0; i < 6; i++) {
      const random = rng(split, i);
      const [left, top] = [random.int(40), random.int(40)];
      const pixels = Uint8Array.from({ length: 96 * 96 * 3 }, (_, at) => {
        const [x, y] = [Math.floor(at / 3) % 96, Math.floor(at / 3 / 96)];
        const inside = x >= left && x < left + 40 && y >= top && y < top + 40;
        return inside ? 230 : random.int(120);
      });
      writeFileSync(
        join(folder, "images", split, `${i}.png`),
        await encodePicture({ width: 96, height: 96, data: pixels }, "png"),
      );
      writeFileSync(
        join(folder, "labels", split, `${i}.txt`),
        `${i % 2} ${(left + 20) / 96} ${(top + 20) / 96} ${40 / 96} ${40 / 96}\n`,
      );
    }
  }
  writeFileSync(data, "path: .\ntrain: images/train\nval: images/val\nnames: [a, b]\n");
});

const base = {
  model: "yolov5n-swinv2.yaml",
  data: "",
  imgsz: 64,
  batch: 2,
  epochs: 2,
  noplots: true,
  project: folder,
  threads: 2,
} as const;

const run = (options: Parameters<typeof train>[0]) => collected<TrainEvent>(train({ ...base, data, ...options }));

test("the same seed gives the same weights, whatever the number of workers; another seed does not", async () => {
  const runs = [await run({ workers: 0, epochs: 1 }), await run({ workers: 2, epochs: 1 })];
  const other = await run({ workers: 0, epochs: 1, seed: 1 });
  const [first, second] = runs.map((one) => digest(one.folder));
  expect(second).toBe(first);
  expect(digest(other.folder)).not.toBe(first);
});

test("a run that was stopped after an epoch goes on to the same weights", async () => {
  const whole = await run({ workers: 0 });
  let folderOfRun = "";
  for await (const event of train({ ...base, data, workers: 0 })) {
    if (event.type === "start") folderOfRun = event.run;
    if (event.type === "epoch" && event.epoch === 1) break;
  }
  const resumed = await run({ resume: folderOfRun });
  expect(resumed.folder).toBe(folderOfRun);
  expect(digest(folderOfRun)).toBe(digest(whole.folder));
  const rows = readFileSync(join(folderOfRun, "results.csv"), "utf8").trim().split("\n");
  expect(rows).toHaveLength(3);
});

test("what was trained validates, exports and detects the same", async () => {
  const { folder: trained } = await run({ workers: 0, epochs: 1, optimizer: "AdamW", cos_lr: true });
  const weights = join(trained, "weights", "best.safetensors");
  const scores = await val({ weights, data, imgsz: 64, noplots: true, workers: 0 });
  expect(scores.images).toBe(6);
  const { file, check } = await exportModel({ weights, imgsz: 64 });
  expect(check.detectionsEqual).toBe(true);
  const source = join(folder, "images", "val");
  const picture = join(source, "0.png");
  const options = { imgsz: 64, conf: 0.001, rect: false };
  const [[ours], [exported]] = await Promise.all([
    Detector.load(weights).then((d) => d.predict(picture, options)),
    Detector.load(file).then((d) => d.predict(picture, options)),
  ]);
  const paths = [0, 1, 2, 3, 4, 5].map((i) => join(source, `${i}.png`));
  const single = await Detector.load(weights).then((d) => d.predict(paths, options));
  let at = 0;
  for await (const found of predict({ weights, source, ...options, save_txt: true, project: folder })) {
    expect([found.path, found.image, found.images]).toEqual([paths[at], at + 1, 6]);
    expect(found.detections).toEqual(single[at].boxes);
    const lines = readFileSync(join(found.run!, "labels", `${at}.txt`), "utf8")
      .trim()
      .split("\n");
    expect(lines).toHaveLength(found.detections.length);
    at++;
  }
  expect(at).toBe(6);
  expect(exported.boxes.length).toBe(ours.boxes.length);
  ours.boxes.forEach((box, i) => {
    expect(exported.boxes[i].class).toBe(box.class);
    expect(exported.boxes[i].confidence).toBeCloseTo(box.confidence, 4);
  });
});
