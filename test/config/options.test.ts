import { type CommandName, commandOptions, type Option, parseOptions } from "swinyolo/engine";
import { describe, expect, test } from "vitest";

const commands = Object.keys(commandOptions) as CommandName[];
const tableOf = (command: CommandName): [string, Option][] => Object.entries(commandOptions[command]);

describe.each(commands)("the options of %s", (command) => {
  test("have a help, and defaults that they take themselves", () => {
    for (const [name, { help, expected, schema, default: fallback }] of tableOf(command)) {
      expect(help.length, name).toBeGreaterThan(3);
      expect(expected.length, name).toBeGreaterThan(3);
      if (fallback !== undefined) expect(schema.safeParse(fallback), name).toMatchObject({ data: fallback });
    }
  });

  test("have names that do not clash", () => {
    const names = tableOf(command).flatMap(([name, { aliases = [], opposites = [] }]) => [
      name,
      ...aliases,
      ...opposites,
    ]);
    expect([...new Set(names)]).toEqual(names);
  });

  test("are their defaults where nothing is given", () => {
    const defaults = Object.fromEntries(tableOf(command).map(([name, option]) => [name, option.default]));
    expect(parseOptions(command, {})).toEqual({ options: defaults, hyp: {} });
  });
});

test("defaults are YOLOv5's", () => {
  expect(parseOptions("train", {}).options).toMatchObject({
    ...{ hyp: "hyp.scratch-low.yaml", epochs: 100, batch: 16, imgsz: [640, 640], optimizer: "SGD", seed: 0 },
    ...{ project: "runs/train", name: "exp", patience: 100, nbs: 64, label_smoothing: 0, cache: false, freeze: [0] },
  });
  expect(parseOptions("val", {}).options).toMatchObject({
    ...{ batch: 32, imgsz: [640, 640], conf: 0.001, iou: 0.6, max_det: 300, split: "val", rect: true },
    ...{ project: "runs/val", name: "exp" },
  });
  expect(parseOptions("predict", {}).options).toMatchObject({
    ...{ conf: 0.25, iou: 0.45, max_det: 1000, vid_stride: 1, project: "runs/detect", name: "exp" },
  });
  expect(parseOptions("export", {}).options).toMatchObject({ format: "onnx", imgsz: [640, 640], batch: 1, opset: 17 });
});

describe("values", () => {
  test.each<[CommandName, string, unknown, unknown]>([
    ["train", "epochs", "3", 3],
    ["train", "epochs", 3, 3],
    ["train", "imgsz", "320", [320, 320]],
    ["train", "imgsz", 320, [320, 320]],
    ["val", "imgsz", "320,640", [320, 640]],
    ["val", "imgsz", [320, 640], [320, 640]],
    ["train", "rect", true, true],
    ["train", "rect", "True", true],
    ["train", "rect", "no", false],
    ["train", "rect", "0", false],
    ["train", "optimizer", "adamw", "AdamW"],
    ["train", "cache", true, "ram"],
    ["train", "cache", "disk", "disk"],
    ["train", "cache", "false", false],
    ["train", "decode", "Reduced", "reduced"],
    ["val", "decode", undefined, "full"],
    ["train", "resume", true, true],
    ["train", "resume", "runs/train/exp", "runs/train/exp"],
    ["train", "freeze", "10", [10]],
    ["train", "freeze", "0,1,2", [0, 1, 2]],
    ["train", "freeze", "[0, 1, 2]", [0, 1, 2]],
    ["train", "save_period", "-1", -1],
    ["train", "weights", "", undefined],
    ["train", "epochs", undefined, 100],
    ["export", "opset", "17", 17],
    ["train", "name", 7, "7"],
    ["predict", "classes", "0,2,3", [0, 2, 3]],
    ["predict", "classes", "2", [2]],
    ["predict", "conf", "1e-1", 0.1],
    ["predict", "device", "CUDA", "cuda"],
  ])("of %s: %s=%j is %j", (command, name, given, value) => {
    expect((parseOptions(command, { [name]: given }).options as Record<string, unknown>)[name]).toEqual(value);
  });

  test.each<[CommandName, string, unknown, string]>([
    ["train", "epochs", "0", "epochs=0: expected a whole number from 1"],
    ["train", "epochs", "1.5", "epochs=1.5: expected a whole number from 1"],
    ["train", "epochs", "many", "epochs=many: expected a whole number from 1"],
    ["train", "epochs", "", "epochs=: expected a whole number from 1"],
    ["train", "epochs", "Infinity", "epochs=Infinity: expected a whole number from 1"],
    ["train", "epochs", true, "epochs: no value given; expected a whole number from 1"],
    ["train", "batch", "-1", "batch=-1: expected a whole number from 1"],
    ["train", "imgsz", "-5", "imgsz=-5: expected an image size in pixels"],
    ["train", "imgsz", "0", "imgsz=0: expected an image size in pixels"],
    ["train", "imgsz", "1,2,3", "imgsz=1,2,3: expected an image size in pixels"],
    ["train", "imgsz", "big", "imgsz=big: expected an image size in pixels"],
    ["train", "rect", "perhaps", "rect=perhaps: expected true or false"],
    ["train", "optimizer", "Lion", "optimizer=Lion: expected one of SGD, Adam, AdamW"],
    ["train", "cache", "tape", "cache=tape: expected one of false, ram, disk, val"],
    ["val", "decode", "half", "decode=half: expected one of full, reduced"],
    ["train", "device", "0", "device=0: expected a provider of ONNX Runtime by name: cpu, "],
    ["predict", "conf", "1.5", "conf=1.5: expected a number from 0 to 1"],
    ["predict", "conf", "NaN", "conf=NaN: expected a number from 0 to 1"],
    ["predict", "classes", "cat", "classes=cat: expected whole numbers, as 0,2,3"],
    ["export", "opset", "12", "opset=12: expected only 17"],
    ["val", "split", "speed", "split=speed: expected one of val, train, test"],
    ["export", "format", "tflite", "format=tflite: expected one of onnx"],
  ])("of %s: %s=%j is refused: %s", (command, name, given, message) => {
    const parse = () => parseOptions(command, { [name]: given });
    expect(parse).toThrow(expect.objectContaining({ name: "UserError", message: expect.stringContaining(message) }));
  });
});

describe("names", () => {
  test.each<[CommandName, Record<string, unknown>, Record<string, unknown>]>([
    ["train", { img: "320", "batch-size": "8", cfg: "m.yaml" }, { imgsz: [320, 320], batch: 8, model: "m.yaml" }],
    [
      "train",
      { "img-size": "320", "cos-lr": true, "exist-ok": true },
      { imgsz: [320, 320], cos_lr: true, exist_ok: true },
    ],
    ["train", { "--Epochs": "3" }, { epochs: 3 }],
    ["val", { "conf-thres": "0.1", "iou-thres": "0.5", task: "test" }, { conf: 0.1, iou: 0.5, split: "test" }],
    [
      "predict",
      { "agnostic-nms": true, "max-det": "9", "save-txt": true },
      { agnostic: true, max_det: 9, save_txt: true },
    ],
    ["export", { include: "onnx" }, { format: "onnx" }],
    ["train", { save: "false", val: true, plots: false }, { nosave: true, noval: false, noplots: true }],
  ])("of YOLOv5 and others in %s: %j", (command, given, options) => {
    expect(parseOptions(command, given).options).toMatchObject(options);
  });

  test("of hyper-parameters are set apart, for train only", () => {
    expect(parseOptions("train", { lr0: "0.1", "weight-decay": "0" }).hyp).toEqual({ lr0: "0.1", weight_decay: "0" });
    expect(() => parseOptions("val", { lr0: "0.1" })).toThrow(/^lr0: no such option/);
  });

  test.each<[CommandName, Record<string, unknown>, string]>([
    ["train", { epchs: 3 }, 'epchs: no such option; did you mean "epochs"?'],
    ["train", { "batch-sise": 3 }, 'batch-sise: no such option; did you mean "batch_size"?'],
    ["train", { mosiac: 0 }, 'mosiac: no such option; did you mean "mosaic"?'],
    ["predict", { zzzzzz: 1 }, "zzzzzz: no such option"],
    ["train", { imgsz: 320, img: 640 }, "imgsz is given twice, once as img"],
    ["train", { nosave: true, save: true }, "nosave is given twice, once as save"],
    ["train", { constructor: 1 }, "constructor: no such option"],
    ["predict", { visualize: true }, "visualize: one of YOLOv5's options that is not here yet"],
  ])("in %s: %j is refused: %s", (command, given, message) => {
    expect(() => parseOptions(command, given)).toThrow(expect.objectContaining({ name: "UserError", message }));
  });

  test("of what cannot be had are passed over where they are switched off", () => {
    expect(parseOptions("train", { quad: "false", multi_scale: false })).toEqual(parseOptions("train", {}));
  });
});

// Every option that YOLOv5 v7.0's scripts have is taken under its own name or refused with a reason, never unknown.
test.each<[CommandName, string]>([
  [
    "train",
    `weights cfg data hyp epochs batch-size imgsz img img-size rect resume nosave noval noautoanchor noplots evolve bucket cache
    image-weights device multi-scale single-cls optimizer sync-bn workers project name exist-ok quad cos-lr label-smoothing
    patience freeze save-period seed local_rank entity upload_dataset bbox_interval artifact_alias`,
  ],
  [
    "val",
    `data weights batch-size imgsz img img-size conf-thres iou-thres max-det task device workers single-cls augment verbose
    save-txt save-hybrid save-conf save-json project name exist-ok half dnn`,
  ],
  [
    "predict",
    `weights source data imgsz img img-size conf-thres iou-thres max-det device view-img save-txt save-conf save-crop nosave
    classes agnostic-nms augment visualize update project name exist-ok line-thickness hide-labels hide-conf half dnn
    vid-stride`,
  ],
  [
    "export",
    `data weights imgsz img img-size batch-size device half inplace keras optimize int8 dynamic simplify opset verbose
    workspace nms agnostic-nms topk-per-class topk-all iou-thres conf-thres include`,
  ],
])("%s knows every option of YOLOv5", (command, names) => {
  for (const name of names.split(/\s+/)) {
    const parse = () => parseOptions(command, { [name]: {} });
    expect(parse, name).toThrow(expect.objectContaining({ name: "UserError" }));
    expect(parse, name).not.toThrow(/no such option/);
  }
});
