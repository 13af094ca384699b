import { type CommandName, commandOptions, parseOptions } from "swinyolo/engine";
import { describe, expect, test } from "vitest";

const names = Object.keys(commandOptions) as CommandName[];

// What differs from the defaults.
function changed(command: CommandName, given: object) {
  const defaults: Record<string, unknown> = parseOptions(command, {}).options;
  const { options, hyp } = parseOptions(command, { ...given });
  const entries = Object.entries(options).filter(([name, value]) => value !== defaults[name]);
  return { ...Object.fromEntries(entries), ...hyp };
}

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

test("every option says what it is for, and every default is a value that the option takes", () => {
  for (const command of names) {
    for (const [name, option] of Object.entries(commandOptions[command])) {
      const where = `${command} ${name}`;
      expect([where, option.help.length > 3 && option.expected.length > 3]).toEqual([where, true]);
      if (option.default !== undefined)
        expect([where, option.schema.safeParse(option.default).success]).toEqual([where, true]);
    }
  }
});

test("no name means two things within a command", () => {
  for (const command of names) {
    const all = Object.entries(commandOptions[command]).flatMap(([name, option]) => {
      const { aliases = [], opposites = [] } = option as { aliases?: readonly string[]; opposites?: readonly string[] };
      return [name, ...aliases, ...opposites];
    });
    expect([command, new Set(all).size]).toEqual([command, all.length]);
  }
});

describe("values", () => {
  const cases: [CommandName, object, object][] = [
    ["train", { epochs: "3", batch: "8" }, { epochs: 3, batch: 8 }],
    ["train", { "batch-size": "8", cfg: "yolov5n.yaml" }, { batch: 8, model: "yolov5n.yaml" }],
    ["train", { img: "320" }, { imgsz: [320, 320] }],
    ["train", { "img-size": 320 }, { imgsz: [320, 320] }],
    ["train", { cache: true }, { cache: "ram" }],
    ["train", { cache: "Disk", optimizer: "adamw" }, { cache: "disk", optimizer: "AdamW" }],
    ["train", { resume: true }, { resume: true }],
    ["train", { resume: "runs/train/exp3" }, { resume: "runs/train/exp3" }],
    ["train", { freeze: "0,1,2" }, { freeze: [0, 1, 2] }],
    ["train", { noval: true, plots: "false" }, { noval: true, noplots: true }],
    ["train", { lr0: "0.02", mosaic: 0 }, { lr0: "0.02", mosaic: 0 }],
    ["train", { "weight-decay": "0.001" }, { weight_decay: "0.001" }],
    ["train", { quad: "false", evolve: false }, {}],
    ["train", { weights: undefined, epochs: undefined }, {}],
    ["val", { task: "test", "conf-thres": ".01", "iou-thres": "0.7" }, { split: "test", conf: 0.01, iou: 0.7 }],
    ["val", { rect: "no", save_json: "yes" }, { rect: false, save_json: true }],
    ["predict", { imgsz: "320,640" }, { imgsz: [320, 640] }],
    ["predict", { imgsz: [320, 640] }, { imgsz: [320, 640] }],
    ["predict", { imgsz: "[320, 640]", classes: "0,2,3" }, { imgsz: [320, 640], classes: [0, 2, 3] }],
    ["predict", { save: false, "agnostic-nms": true }, { nosave: true, agnostic: true }],
    ["predict", { source: "a=b.jpg", name: 7 }, { source: "a=b.jpg", name: "7" }],
    ["export", { include: "onnx", simplify: true, opset: "17", dynamic: "1" }, { dynamic: true }],
    ["info", { cfg: "yolov5s.yaml", nc: "3" }, { model: "yolov5s.yaml", nc: 3 }],
    ["import", { half: "true" }, { half: true }],
    ["check-data", { data: "x.yaml" }, { data: "x.yaml" }],
  ];
  test.each(cases)("%s %j", (command, given, expected) => {
    expect(changed(command, given)).toEqual(expected);
  });
});

describe("mistakes", () => {
  const cases: [CommandName, object, string][] = [
    ["train", { epchs: "3" }, 'epchs: no such option; did you mean "epochs"?'],
    ["train", { "batch-sise": "3" }, 'batch-sise: no such option; did you mean "batch_size"?'],
    ["train", { mosiac: "1" }, 'mosiac: no such option; did you mean "mosaic"?'],
    ["val", { lr0: "1" }, "lr0: no such option"],
    ["train", { constructor: "1" }, "constructor: no such option"],
    ["train", { epochs: "0" }, "epochs=0: expected a whole number from 1"],
    ["train", { epochs: "3.5" }, "epochs=3.5: expected a whole number from 1"],
    ["train", { epochs: "" }, "epochs=: expected a whole number from 1"],
    ["train", { epochs: true }, "epochs: no value given; expected a whole number from 1"],
    ["train", { imgsz: "-5" }, "imgsz=-5: expected an image size in pixels"],
    ["predict", { imgsz: "1,2,3" }, "imgsz=1,2,3: expected an image size in pixels"],
    ["predict", { conf: "1.5" }, "conf=1.5: expected a number from 0 to 1"],
    ["predict", { conf: "high" }, "conf=high: expected a number from 0 to 1"],
    ["predict", { conf: Number.NaN }, "conf=NaN: expected a number from 0 to 1"],
    ["predict", { classes: "cat" }, "classes=cat: expected whole numbers, as 0,2,3"],
    ["train", { optimizer: "LION" }, "optimizer=LION: expected one of SGD, Adam, AdamW"],
    ["train", { rect: "maybe" }, "rect=maybe: expected true or false"],
    ["train", { batch: "2", "batch-size": "3" }, "batch is given twice, once as batch-size"],
    ["train", { nosave: true, save: true }, "nosave is given twice, once as save"],
    ["train", { quad: true }, "quad: one of YOLOv5's options that is not here yet"],
    ["train", { image_weights: true }, "image_weights: one of YOLOv5's options that is not here yet"],
    ["train", { evolve: "300" }, "evolve: one of YOLOv5's options that is not here yet"],
    ["export", { opset: "12" }, "opset=12: expected only 17"],
    ["export", { format: "engine" }, "format=engine: expected one of onnx"],
    ["val", { split: "speed" }, "split=speed: expected one of val, train, test"],
  ];
  test.each(cases)("%s %j", (command, given, message) => {
    expect(() => parseOptions(command, { ...given })).toThrow(
      expect.objectContaining({ name: "UserError", message: expect.stringContaining(message) }),
    );
  });
});
