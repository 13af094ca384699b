import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configsFolder, hypRanges, readHyp } from "swinyolo/engine";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-hyp-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const low = readFileSync(join(configsFolder(), "hyps/hyp.scratch-low.yaml"), "utf8");
const written = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

// As YOLOv5 v7.0 has them: what every file has, then what differs.
const common = { iou_t: 0.2, fl_gamma: 0, degrees: 0, shear: 0, perspective: 0, flipud: 0, copy_paste: 0 };
const scratch = {
  ...common,
  ...{ lr0: 0.01, lrf: 0.1, momentum: 0.937, weight_decay: 0.0005 },
  ...{ warmup_epochs: 3, warmup_momentum: 0.8, warmup_bias_lr: 0.1 },
  ...{ box: 0.05, cls: 0.3, cls_pw: 1, obj: 0.7, obj_pw: 1, anchor_t: 4, anchors: 0 },
  ...{ hsv_h: 0.015, hsv_s: 0.7, hsv_v: 0.4, translate: 0.1, scale: 0.9, fliplr: 0.5, mosaic: 1, mixup: 0.1 },
};
const files: Record<string, Record<string, number>> = {
  "scratch-low": { ...scratch, lrf: 0.01, cls: 0.5, obj: 1, scale: 0.5, mixup: 0 },
  "scratch-med": scratch,
  "scratch-high": { ...scratch, copy_paste: 0.1 },
  "no-augmentation": {
    ...scratch,
    ...{ hsv_h: 0, hsv_s: 0, hsv_v: 0, translate: 0, scale: 0, fliplr: 0, mosaic: 0, mixup: 0 },
  },
  Objects365: {
    ...common,
    ...{ lr0: 0.00258, lrf: 0.17, momentum: 0.779, weight_decay: 0.00058 },
    ...{ warmup_epochs: 1.33, warmup_momentum: 0.86, warmup_bias_lr: 0.0711 },
    ...{ box: 0.0539, cls: 0.299, cls_pw: 0.825, obj: 0.632, obj_pw: 1, anchor_t: 3.44, anchors: 3.2 },
    ...{ hsv_h: 0.0188, hsv_s: 0.704, hsv_v: 0.36, translate: 0.0902, scale: 0.491, fliplr: 0.5, mosaic: 1, mixup: 0 },
  },
  VOC: {
    ...common,
    ...{ lr0: 0.00334, lrf: 0.15135, momentum: 0.74832, weight_decay: 0.00025 },
    ...{ warmup_epochs: 3.3835, warmup_momentum: 0.59462, warmup_bias_lr: 0.18657 },
    ...{ box: 0.02, cls: 0.21638, cls_pw: 0.5, obj: 0.51728, obj_pw: 0.67198, anchor_t: 3.3744, anchors: 3.412 },
    ...{ hsv_h: 0.01041, hsv_s: 0.54703, hsv_v: 0.27739, translate: 0.04591, scale: 0.75544 },
    ...{ fliplr: 0.5, mosaic: 0.85834, mixup: 0.04266 },
  },
};

test.each(Object.entries(files))("hyp.%s has YOLOv5's numbers", (name, numbers) => {
  expect(readHyp(`hyp.${name}.yaml`)).toEqual({ hyp: numbers, warnings: [] });
  expect(Object.keys(numbers).sort()).toEqual(Object.keys(hypRanges).sort());
});

test("hyp.scratch-low is the default, and no other files ship", () => {
  expect(readHyp(undefined)).toEqual(readHyp("hyp.scratch-low.yaml"));
  const shipped = readdirSync(join(configsFolder(), "hyps"));
  expect(shipped.sort()).toEqual(
    Object.keys(files)
      .map((name) => `hyp.${name}.yaml`)
      .sort(),
  );
});

describe("keys given beside the file", () => {
  test("go before the file's, as numbers or as texts", () => {
    const { hyp } = readHyp("hyp.scratch-low", { lr0: "0.02", mosaic: 0 });
    expect([hyp.lr0, hyp.mosaic, hyp.box]).toEqual([0.02, 0, 0.05]);
  });

  test.each([["x"], [""], [" "], ["1,5"], ["-1"], ["11"], [true], [Number.NaN]])("lr0=%s is refused", (value) => {
    expect(() => readHyp("hyp.scratch-low", { lr0: value })).toThrow(/^lr0.*expected a number from 0 to 10$/);
  });
});

describe("a file of one's own", () => {
  test("with an unknown key gives a warning with its place and a suggestion; an error where strict", () => {
    const file = written("unknown.yaml", `${low}mosiac: 0.5\nzzzz: 1\n`);
    const { hyp, warnings } = readHyp(file);
    expect(hyp).toEqual(files["scratch-low"]);
    expect(warnings).toEqual([
      `${file}:31:1: key "mosiac" is not known; did you mean "mosaic"?`,
      `${file}:32:1: key "zzzz" is not known`,
    ]);
    expect(() => readHyp(file, {}, { strict: true })).toThrow(`${file}:31:1: key "mosiac"`);
  });

  test.each<[string, string, string, RegExp]>([
    ["a number out of range", "mosaic: 1.0", "mosaic: 1.5", /:28:\d+: mosaic=1.5: expected a number from 0 to 1$/],
    ["a word", "box: 0.05", "box: much", /:10:\d+: box=much: expected a number from 0 to 100$/],
    ["a list", "box: 0.05", "box: [1]", /:10:\d+: box=.*: expected a number/],
    ["no number", "box: 0.05", "box: .nan", /:10:\d+: box=NaN: expected a number/],
    ["a missing key", "box: 0.05 ", "# ", /: box missing$/],
    ["a key given twice", "box: 0.05", "lr0: 0.05", /:10:\d+: /],
  ])("with %s is refused", (_, from, to, message) => {
    expect(low).toContain(from);
    const file = written("wrong.yaml", low.replace(from, to));
    expect(() => readHyp(file)).toThrow(message);
  });

  test("that is no mapping is refused", () => {
    expect(() => readHyp(written("list.yaml", "- 1\n"))).toThrow(/list\.yaml: keys and numbers expected/);
    expect(() => readHyp("hyp.scratch-lwo.yaml")).toThrow(/did you mean "hyp.scratch-low.yaml"\?$/);
  });
});
