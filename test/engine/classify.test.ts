import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePicture, rng } from "swinyolo/data";
import {
  type ClassifyEvent,
  type ClassifyGiven,
  exportModel,
  groupsOf,
  predict,
  taskOf,
  train,
  val,
} from "swinyolo/engine";
import { buildClassifier, stepRateAt } from "swinyolo/nn";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collected, digest } from "./runs.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-classify-"));
const data = join(folder, "data");
const swin = join(folder, "tiny.yaml");
const rows = join(folder, "rows.yaml");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Pictures of noise in three colours: a class each.
beforeAll(async () => {
  const colours = { blue: [60, 60, 220], green: [60, 220, 60], red: [220, 60, 60] };
  for (const [split, count] of [
    ["train", 4],
    ["val", 2],
  ] as const) {
    for (const [name, rgb] of Object.entries(colours)) {
      mkdirSync(join(data, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const random = rng(split, name, i);
        const pixels = Uint8Array.from({ length: 40 * 36 * 3 }, (_, at) => rgb[at % 3] + random.int(60) - 30);
        writeFileSync(
          join(data, split, name, `${i}.png`),
          await encodePicture({ width: 40, height: 36, data: pixels }, "png"),
        );
      }
    }
  }
  writeFileSync(
    swin,
    "task: classify\nnc: 9\nswinv2: {embed_dim: 16, depths: [1, 1], num_heads: [1, 2], window: 4, img_size: 16, drop_path: 0.2}\n",
  );
  writeFileSync(
    rows,
    "task: classify\nnc: 9\nwidth_multiple: 0.25\nbackbone:\n  - [-1, 1, Conv, [32, 3, 2]]\n  - [-1, 1, C3, [32]]\nhead:\n  - [-1, 1, Classify, [nc]]\n",
  );
});

const base = { task: "classify", epochs: 2, batch: 6, noplots: true, threads: 1, workers: 0 } as const;

const run = (options: Omit<ClassifyGiven<"train">, "task">) =>
  collected<ClassifyEvent>(train({ ...base, model: swin, data, project: folder, ...options }));

test("the same seed gives the same weights, whatever the number of workers; another seed does not", async () => {
  const first = await run({ mixup: 0.8, cutmix: 1, rand_augment: 9, erasing: 0.25 });
  const second = await run({ mixup: 0.8, cutmix: 1, rand_augment: 9, erasing: 0.25, workers: 2 });
  const other = await run({ mixup: 0.8, cutmix: 1, rand_augment: 9, erasing: 0.25, seed: 1 });
  expect(digest(second.folder)).toBe(digest(first.folder));
  expect(digest(other.folder)).not.toBe(digest(first.folder));
});

test("a run that was stopped after an epoch goes on to the same weights", async () => {
  const options = { accumulate: 3, layer_decay: 0.5, ema: true };
  const whole = await run(options);
  let stopped = "";
  for await (const event of train({ ...base, model: swin, data, project: folder, ...options })) {
    if (event.type === "start") stopped = event.run;
    if (event.type === "epoch") break;
  }
  // The run's own file says that it is a classifier's.
  for await (const event of train({ resume: stopped })) expect(event.type).not.toBe("unknown");
  expect(digest(stopped)).toBe(digest(whole.folder));
  expect(readFileSync(join(stopped, "results.csv"), "utf8").trim().split("\n")).toHaveLength(3);
});

test.each([
  ["Swin", () => ({ model: swin, epochs: 12 })],
  ["rows", () => ({ model: rows, epochs: 4, imgsz: 32, recipe: "yolov5", lr0: 0.01 })],
] as const)("%s: the loss falls, and what was trained validates, exports and predicts the same", async (_, options) => {
  const { events, folder: trained } = await run({
    ...options(),
    noval: true,
    crop_scale: 0.5,
    jitter: 0,
    ema: false,
  });
  const losses = events.flatMap((event) => (event.type === "epoch" ? [event.loss] : []));
  expect(losses.at(-1)).toBeLessThan(losses[0]);
  const weights = join(trained, "weights", "best.safetensors");
  expect(taskOf({ weights })).toBe("classify");
  const own = await val({ task: "classify", weights, data, noplots: true, workers: 0 });
  expect([own.top5, own.images]).toEqual([1, 6]);
  const { file, check } = await exportModel({ task: "classify", weights, batch: 4 });
  expect(check.maxDifference).toBeLessThan(1e-4);
  expect(taskOf({ weights: file })).toBe("classify");
  const exported = await val({ task: "classify", weights: file, data, noplots: true, workers: 0 });
  expect([exported.top1, exported.classes]).toEqual([own.top1, own.classes]);
  expect(exported.loss).toBeCloseTo(own.loss, 4);
  const said: string[][] = [];
  const source = join(data, "val", "red");
  for (const one of [weights, file]) {
    for await (const found of predict({
      task: "classify",
      weights: one,
      source,
      top: 2,
      save_txt: true,
      project: folder,
    })) {
      said.push(found.classes.map(({ name }) => name));
      const lines = readFileSync(join(found.run!, "labels", `${found.image - 1}.txt`), "utf8").split("\n");
      expect(lines).toHaveLength(3);
      expect(lines[0]).toMatch(/^[01]\.\d\d (blue|green|red)$/);
    }
  }
  expect(said.slice(2)).toEqual(said.slice(0, 2));
});

test("weights go on as another model's start: all but a head of another size", async () => {
  const { folder: trained } = await run({ epochs: 1 });
  const weights = join(trained, "weights", "last.safetensors");
  const two = join(folder, "two");
  for (const split of ["train", "val"]) {
    for (const name of ["red", "blue"]) {
      mkdirSync(join(two, split, name), { recursive: true });
      for (const i of [0, 1])
        writeFileSync(join(two, split, name, `${i}.png`), readFileSync(join(data, split, name, `${i}.png`)));
    }
  }
  const { events } = await run({ model: undefined, weights, data: two, epochs: 1, freeze: "trunk", imgsz: 32 });
  const said = events.flatMap((event) => (event.type === "report" ? [event.message] : []));
  expect(
    said.some((message) => /2 missing from the file, so they start anew.*:\s+head\.weight\s+head\.bias/.test(message)),
  ).toBe(true);
});

test("whatever is computed again, the losses stay the same", async () => {
  const lossesOf = async (options: object) => {
    const { events } = await run({ mixup: 0.8, ...options });
    return events.flatMap((event) => (event.type === "epoch" ? [event.loss, event.valLoss!] : []));
  };
  const plain = await lossesOf({});
  expect(plain).toHaveLength(4);
  for (const way of [
    { recompute: "block" },
    { recompute: "stage" },
    { recompute: "cheap" },
    { sequential: 2 },
    { recompute: "block", sequential: 1, memory: "1GB" },
  ]) {
    const losses = await lossesOf(way);
    losses.forEach((loss, i) => {
      expect(Math.abs(loss - plain[i]), JSON.stringify(way)).toBeLessThan(1e-5);
    });
  }
}, 20_000);

describe("options", () => {
  const refused = (given: object) => () => train({ task: "classify", data, model: swin, ...given }).next();
  test.each([
    [{ epoch: 3 }, /^epoch: no such option; did you mean "epochs"\?$/],
    [{ mosaic: 1 }, /^mosaic: an option of detectors, not of classifiers$/],
    [{ imgsz: 20 }, /img_size: got 20 x 20, expected multiples of 8$/],
    [{ data: undefined }, /^data expected: data=FOLDER/],
    [{ half: true }, /^half=true needs a device that computes in float16/],
    [
      { recompute: "stage", model: rows },
      /^a classifier of the family yolov5 has no stages: recompute=none or block, and no sequential$/,
    ],
    [{ sequential: 3 }, /^sequential=3: the network has 2 stages$/],
    [
      { memory: "50MB" },
      /^training with batch=12 recompute=none sequential=0 takes about \d+ MB, memory= is 50 MB; what would do: memory=\d+MB$/,
    ],
    [{ model: "yolov5n.yaml" }, /yolov5n\.yaml.*: no classifier, expected task: classify/],
  ])("%j", async (given, message) => {
    await expect(refused(given)).rejects.toThrow(message);
  });
});

test("layer-wise rates are those of SimMIM's fine-tuning", () => {
  const model = buildClassifier({ task: "classify", swinv2: { variant: "b" } });
  const { of, factor, decays } = groupsOf(model, { layer_decay: 0.75 });
  const groupFor = (name: string) => of(name, false);
  expect(factor(groupFor("head.weight"))).toBe(1);
  expect(factor(groupFor("patch_embed.proj.weight"))).toBeCloseTo(7.53e-4, 6);
  expect(decays(groupFor("head.weight"))).toBe(true);
  expect(decays(groupFor("head.bias"))).toBe(false);
  expect(decays(groupFor("layers.0.blocks.0.attn.logit_scale"))).toBe(false);
});

test.each([
  [0, 1.0e-6],
  [1, 1.039928e-6],
  [1000, 4.092806e-5],
  [25_019, 9.999601e-4],
  [25_020, 1.0e-3],
  [125_100, 8.136275e-4],
  [250_200, 2.902275e-4],
  [375_299, 1.0e-5],
])("the rate of Swin's recipe for ImageNet-1K at update %d is %d", (t, rate) => {
  const schedule = {
    kind: "cosine",
    steps: 300 * 1251,
    warmupSteps: 20 * 1251,
    lr0: 1e-3,
    warmupLr: 1e-6,
    minLr: 1e-5,
  } as const;
  expect(stepRateAt(t, schedule) / rate).toBeCloseTo(1, 5);
});
