import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePicture, rng } from "swinyolo/data";
import {
  type AblationEvent,
  ablate,
  exportModel,
  loadWeights,
  openClassifier,
  openModel,
  predict,
  train,
  transferModel,
  val,
  writeSafetensors,
} from "swinyolo/engine";
import { hostArray } from "swinyolo/graph";
import { buildModel, rowWindows, type SwinConfig } from "swinyolo/nn";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-transfer-"));
const data = join(folder, "data");
const source = join(data, "val", "red");
const classifier = join(folder, "classifier.safetensors");
const detector = join(folder, "detector.safetensors");
const swin = join(folder, "tiny.yaml");
const detectorYaml = {
  nc: 2,
  window: 3,
  anchors: [[4, 4, 8, 8]],
  backbone: [
    [-1, 1, "Conv", [32, 3, 2]],
    [-1, 2, "SwinV2_CSPB", [32]],
    [-1, 1, "SwinV2_CSPB", [32, false, 1, 0.5, 4]],
  ],
  head: [[[2], 1, "Detect", ["nc", "anchors"]]],
};
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const colours = { blue: [60, 60, 220], red: [220, 60, 60] };
  for (const [split, count] of [
    ["train", 3],
    ["val", 2],
  ] as const) {
    for (const [name, rgb] of Object.entries(colours)) {
      mkdirSync(join(data, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const random = rng(split, name, i);
        const pixels = Uint8Array.from({ length: 36 * 36 * 3 }, (_, at) => rgb[at % 3] + random.int(60) - 30);
        const picture = await encodePicture({ width: 36, height: 36, data: pixels }, "png");
        writeFileSync(join(data, split, name, `${i}.png`), picture);
      }
    }
  }
  writeFileSync(
    swin,
    "task: classify\nnc: 2\nswinv2: {embed_dim: 16, depths: [1, 2], num_heads: [1, 2], window: 4, img_size: 32}\n",
  );
  const trained = await openClassifier({ model: swin, names: ["blue", "red"] });
  await save(classifier, trained, {
    task: "classify",
    model: trained.yaml,
    names: trained.names,
    imgsz: 32,
    fit: "short",
  });
  writeFileSync(join(folder, "detector.yaml"), JSON.stringify(detectorYaml));
  const found = await openModel({ model: join(folder, "detector.yaml") });
  await save(detector, found, { model: detectorYaml, names: found.names, imgsz: 32, stride: 2 });
});

// Weights far enough from zero that positions matter.
async function save(
  file: string,
  { weights }: Pick<Awaited<ReturnType<typeof openModel>>, "weights">,
  sidecar: object,
) {
  const random = rng("weights");
  const moved = [...weights].map(([name, array]) => {
    if (array.dtype !== "float32" || !/(cpb_mlp|proj|head|norm\d|qkv|\.m\.0)/.test(name)) return [name, array] as const;
    if (/running|coords_table/.test(name)) return [name, array] as const;
    const from = array.data as Float32Array;
    // A fresh head finds next to nothing.
    const raised = /\.3\.m\.0\.bias$/.test(name) ? 8 : 0;
    return [
      name,
      hostArray(
        "float32",
        array.shape,
        from.map((x) => x + 0.3 * random.normal() + raised),
      ),
    ] as const;
  });
  await writeSafetensors(file, new Map(moved));
  writeFileSync(file.replace(/safetensors$/, "json"), JSON.stringify(sidecar));
}

describe("a classifier", () => {
  test("with nothing changed says exactly the same", async () => {
    const out = join(folder, "same.safetensors");
    const { classify, windows } = await transferModel({ weights: classifier, window: [4], imgsz: 32, out, source });
    expect(classify).toEqual({ pictures: 2, largest: 0, mean: 0, agreement: 1 });
    expect(windows.map(({ from, to }) => [from, to])).toEqual([
      [4, 4],
      [4, 4],
    ]);
  });

  test("at a larger window keeps the scale of its position bias; its checkpoint validates, predicts, exports, trains on", async () => {
    const out = join(folder, "large.safetensors");
    const { classify, windows, imgsz } = await transferModel({
      weights: classifier,
      window: [8],
      imgsz: 64,
      out,
      source,
    });
    expect(imgsz).toEqual([32, 64]);
    expect(windows).toEqual([
      { place: "stage 0", from: 4, to: 8, trained: 4 },
      { place: "stage 1", from: 4, to: 8, trained: 4 },
    ]);
    expect(classify?.largest).toBeGreaterThan(0);
    const { model } = await openClassifier({ weights: out });
    expect([model.imageSize, (model.config as SwinConfig).pretrainedWindow]).toEqual([
      [64, 64],
      [4, 4],
    ]);
    const given = { task: "classify", weights: out, data, noplots: true, workers: 0 } as const;
    const { loss, images } = await val(given);
    expect(images).toBe(4);
    // Without the file: the same windows in passing.
    const passing = await val({ ...given, weights: classifier, window: [8], imgsz: 64 });
    expect(passing.loss).toBe(loss);
    for await (const found of predict({ task: "classify", weights: out, source, nosave: true }))
      expect(found.classes).toHaveLength(2);
    expect((await exportModel({ task: "classify", weights: out })).check.maxDifference).toBeLessThan(1e-3);
    const events = train({ ...given, epochs: 1, batch: 2, project: folder, name: "on", threads: 1 });
    for await (const event of events) if (event.type === "epoch") expect(event.loss).toBeGreaterThan(0);
  });

  test.each([
    ["nothing to change", {}, /window or imgsz expected/],
    ["a window that does not divide the grid", { window: 3 }, /does not divide into windows of 3/],
    ["a size that does not divide", { imgsz: 36 }, /multiples of 8/],
    ["another format", { window: 8, out: "x.onnx" }, /expected a .safetensors/],
  ])("%s is told", async (_, given, message) => {
    await expect(transferModel({ weights: classifier, ...given })).rejects.toThrow(message);
  });
});

describe("a detector", () => {
  test("with the same windows finds exactly the same", async () => {
    const out = join(folder, "same-detector.safetensors");
    const { detect } = await transferModel({ weights: detector, imgsz: 32, out, source, conf: 0.01 });
    expect(detect?.before).toBeGreaterThan(0);
    expect(detect).toMatchObject({ after: detect?.before, kept: detect?.before, largest: 0 });
  });

  test("its checkpoint names windows and scale of every row, and is a detector like any", async () => {
    const out = join(folder, "large-detector.safetensors");
    const { windows } = await transferModel({ weights: detector, window: [6], imgsz: 64, out });
    expect(windows).toEqual([
      { place: "row 1 (SwinV2_CSPB)", from: 3, to: 6, trained: 3 },
      { place: "row 2 (SwinV2_CSPB)", from: 4, to: 6, trained: 4 },
    ]);
    const { modelYaml } = await loadWeights(out);
    expect(modelYaml?.backbone).toEqual([
      [-1, 1, "Conv", [32, 3, 2]],
      [-1, 2, "SwinV2_CSPB", [32, { window: 6, pretrained_window: 3 }]],
      [-1, 1, "SwinV2_CSPB", [32, false, 1, 0.5, 6, { pretrained_window: 4 }]],
    ]);
    expect(rowWindows((await openModel({ weights: out })).model.layers).map(({ trained }) => trained)).toEqual([3, 4]);
    for await (const found of predict({ weights: out, source, imgsz: 64, nosave: true })) expect(found.width).toBe(36);
  });
});

describe("windows in a model's YAML", () => {
  const windowsOf = (more: object, args: readonly unknown[] = [32]) => {
    const backbone = [detectorYaml.backbone[0], [-1, 1, "SwinV2_CSPB", args]];
    const yaml = {
      ...detectorYaml,
      window: undefined,
      backbone,
      head: [[[1], 1, "Detect", ["nc", "anchors"]]],
      ...more,
    };
    const [{ window, trained }] = rowWindows(buildModel(yaml).layers);
    return [window, trained];
  };

  test("are 7 unless the model or the row says otherwise, the row going first", () => {
    expect(windowsOf({})).toEqual([7, 7]);
    expect(windowsOf({ window: 12, pretrained_window: 8 })).toEqual([12, 8]);
    expect(windowsOf({ window: 12 }, [32, { window: 4 }])).toEqual([4, 4]);
    expect(windowsOf({ window: 12 }, [32, false, 1, 0.5, 5, 3])).toEqual([5, 3]);
  });

  test.each([
    [{}, [32, { windw: 4 }], /argument windw is not known.*did you mean "window"/],
    [{}, [32, false, 1, 0.5, 5, { window: 4 }], /argument window is given twice/],
    [{}, [32, { window: 0 }], /argument window: got 0, expected a whole number from 1 to 48/],
    [{ window: "x" }, [32], /window: got "x", expected a whole number from 1 to 48/],
  ])("mistakes are named: %j %j", (more, args, message) => {
    expect(() => windowsOf(more, args)).toThrow(message);
  });
});

test("amplitude=true writes the size of every block's output before the first epoch and after each", async () => {
  const given = { task: "classify", model: swin, data, epochs: 1, batch: 6, noplots: true, workers: 0 } as const;
  for await (const event of train({ ...given, amplitude: true, project: folder, name: "amplitude", threads: 1 }))
    expect(event.type).not.toBe("unknown");
  const [header, start, end, ...rest] = readFileSync(join(folder, "amplitude", "amplitude.csv"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(",").map((cell) => cell.trim()));
  expect(header).toEqual(["epoch", "layers.0.blocks.0", "layers.1.blocks.0", "layers.1.blocks.1"]);
  expect(rest).toEqual([]);
  // Blocks begin as the identity behind a norm.
  for (const cell of start.slice(1)) expect(Number(cell)).toBeCloseTo(1, 1);
  expect(end.slice(1).every((cell) => Number(cell) > 0)).toBe(true);
  expect(readFileSync(join(folder, "amplitude", "amplitude.png")).length).toBeGreaterThan(1000);
});

test("an ablation trains what is missing, and once only", async () => {
  const run = async () => {
    const events: AblationEvent[] = [];
    const given = { data, model: swin, epochs: 1, batch: 6, workers: 0, threads: 1, project: folder } as const;
    for await (const event of ablate({ ...given, kind: "bias", variants: "table,log", seeds: [0], windows: [4, 8] }))
      events.push(event);
    return events;
  };
  const first = await run();
  const second = await run();
  const trained = (events: AblationEvent[]) => events.filter(({ type }) => type === "training").length;
  expect([trained(first) > 0, trained(second)]).toEqual([true, 0]);
  const measured = first.flatMap((event) => (event.type === "measured" ? [event] : []));
  expect(measured.map(({ variant, results }) => [variant, results.window, results.imgsz])).toEqual([
    ["table", 4, 32],
    ["table", 8, 64],
    ["log", 4, 32],
    ["log", 8, 64],
  ]);
  expect(second.at(-1)).toEqual(first.at(-1));
  expect(readFileSync(join(folder, "bias", "table.md"), "utf8")).toMatch(/^\| bias: .*w4, 32 px \| w8, 64 px \|/);
});
