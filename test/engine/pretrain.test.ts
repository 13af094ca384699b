import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePicture, pictureSize, readPictureFolder, rng } from "swinyolo/data";
import {
  openClassifier,
  openSimmim,
  type PretrainEvent,
  type PretrainGiven,
  readSafetensors,
  taskOf,
  train,
  val,
} from "swinyolo/engine";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { collected, digest } from "./runs.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-pretrain-"));
const data = join(folder, "data");
const swin = join(folder, "tiny.yaml");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Stripes of two directions: a class each, and something to guess what is hidden by.
beforeAll(async () => {
  for (const [split, count] of [
    ["train", 6],
    ["val", 2],
  ] as const) {
    for (const name of ["across", "down"]) {
      mkdirSync(join(data, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const shift = rng(split, name, i).int(8);
        const pixels = Uint8Array.from({ length: 40 * 36 * 3 }, (_, at) => {
          const [x, y] = [Math.floor(at / 3) % 40, Math.floor(at / 120)];
          return ((name === "across" ? y : x) + shift) % 8 < 4 ? 200 : 40;
        });
        writeFileSync(
          join(data, split, name, `${i}.png`),
          await encodePicture({ width: 40, height: 36, data: pixels }, "png"),
        );
      }
    }
  }
  writeFileSync(
    swin,
    "task: classify\nnc: 9\nswinv2: {embed_dim: 16, depths: [1, 1], num_heads: [1, 2], window: 4, img_size: 32}\n",
  );
});

const base = { task: "pretrain", epochs: 2, batch: 6, noplots: true, threads: 1, workers: 0 } as const;

const run = (options: Omit<PretrainGiven, "task"> = {}) =>
  collected<PretrainEvent>(train({ ...base, model: swin, data, project: folder, ...options }));

const epochsOf = (events: readonly PretrainEvent[]) =>
  events.flatMap((event) => (event.type === "epoch" ? [event] : []));

test("the same seed gives the same weights, whatever the number of workers; another seed does not", async () => {
  const first = await run({ epochs: 1 });
  expect(digest((await run({ epochs: 1, workers: 1 })).folder)).toBe(digest(first.folder));
  const other = await run({ epochs: 1, seed: 1 });
  expect(digest(other.folder)).not.toBe(digest(first.folder));
  const opt = parse(readFileSync(join(first.folder, "opt.yaml"), "utf8"));
  expect(opt).toMatchObject({ task: "pretrain", recipe: "small", mask_patch: 8, mask_ratio: 0.6, norm_target: 7 });
});

test("a run that was stopped after an epoch goes on to the same weights", async () => {
  const options = { accumulate: 2, norm_target: 0 };
  const whole = await run(options);
  let stopped = "";
  for await (const event of train({ ...base, model: swin, data, project: folder, ...options })) {
    if (event.type === "start") stopped = event.run;
    if (event.type === "epoch") break;
  }
  // The run's own file says what it does.
  expect(taskOf({ resume: stopped })).toBe("pretrain");
  for await (const event of train({ resume: stopped })) expect(event.type).not.toBe("unknown");
  expect(digest(stopped)).toBe(digest(whole.folder));
  expect(readFileSync(join(stopped, "results.csv"), "utf8").trim().split("\n")).toHaveLength(3);
  // Another run takes all of them, the decoder's too.
  const { report } = await openSimmim({ weights: join(stopped, "weights", "last.safetensors") });
  expect(report?.matched).toContain("decoder.0.weight");
  expect([report?.missing, report?.resized, report?.unused]).toEqual([[], [], []]);
});

test("the loss falls, a sheet shows it, and a classifier takes the encoder over", async () => {
  const { events, folder: trained } = await run({
    epochs: 25,
    lr0: 0.003,
    noplots: false,
    sheet_period: 20,
    noval: true,
  });
  const [first, ...others] = epochsOf(events).map(({ loss }) => loss);
  expect(others.at(-1)).toBeLessThan(0.9 * first);
  // Four pictures, three rows, each drawn at 128.
  expect(await pictureSize(join(trained, "reconstruction_epoch20.png"))).toEqual({ width: 524, height: 392 });
  expect(existsSync(join(trained, "reconstruction_epoch25.png"))).toBe(true);
  const weights = join(trained, "weights", "best.safetensors");
  expect(taskOf({ weights })).toBe("classify");
  await expect(val({ task: "classify", weights, data })).rejects.toThrow(/no head that tells classes; fine-tune it/);
  // The model's own YAML, and the one that the weights bring.
  for (const model of [swin, undefined]) {
    const { report, weights: taken } = await openClassifier({ model, weights, names: ["across", "down"] });
    expect(report?.missing).toEqual(["head.weight", "head.bias"]);
    expect(report?.unused).toEqual(["mask_token", "decoder.0.weight", "decoder.0.bias"]);
    const { tensors } = await readSafetensors(weights);
    const name = "layers.1.blocks.0.mlp.fc1.weight";
    expect(taken.get(name)?.data).toEqual(tensors.get(`encoder.${name}`)?.data);
  }
  const said: string[] = [];
  const given = { ...base, task: "classify", epochs: 1, model: swin, weights, data, project: folder } as const;
  for await (const event of train(given)) if (event.type === "report") said.push(event.message);
  expect(said.find((message) => /^Transferred \d+\/\d+ tensors/.test(message))).toMatch(
    /mask_token\s+decoder\.0\.weight/,
  );
});

test("folders: train and val as they are, class folders as a classifier splits them, others less a twentieth", () => {
  expect([readPictureFolder(data).train.length, readPictureFolder(data).val.length]).toEqual([12, 4]);
  const classes = readPictureFolder(join(data, "train"));
  expect([classes.train.length, classes.val.length]).toEqual([10, 2]);
  const plain = readPictureFolder(join(data, "train", "down"), { seed: 3 });
  expect([plain.train.length, plain.val.length]).toEqual([5, 1]);
  expect(plain.messages).toEqual(["down: 5 pictures to train on, 1 held out by seed 3"]);
  expect(readPictureFolder(join(data, "train", "down"), { seed: 3 })).toEqual(plain);
});

test.each<[Omit<PretrainGiven, "task">, RegExp]>([
  [{ model: "yolov5n-cls" }, /task=pretrain: expected a Swin Transformer/],
  [{ mask_patch: 6 }, /mask_patch: got 6, expected a multiple of the model's patches of 4/],
  [{ norm_target: 8 }, /norm_target: got 8, expected an odd number or 0/],
  [{ half: true }, /^half=true needs a device that computes in float16/],
  [{ sequential: 3 }, /^sequential=3: the network has 2 stages$/],
  [
    { memory: "50MB" },
    /^training with batch=6 recompute=none sequential=0 takes about \d+ MB, memory= is 50 MB; what would do: memory=\d+MB$/,
  ],
  [{ data: undefined }, /^data expected: data=FOLDER/],
  [{ mixup: 0.8 } as object, /mixup: an option of detectors or classifiers, not of pretraining/],
])("%j is refused", async (given, message) => {
  await expect(run(given)).rejects.toThrow(message);
});
