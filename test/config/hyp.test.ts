import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configsFolder, hypRanges, readHyp, resolveHypFile } from "swinyolo/engine";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-hyp-"));
afterAll(() => rmSync(folder, { recursive: true }));

const low = readFileSync(resolveHypFile("hyp.scratch-low"), "utf8");
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test("the default is hyp.scratch-low", () => {
  const { hyp, warnings } = readHyp(undefined);
  expect(warnings).toEqual([]);
  expect(Object.keys(hyp).sort()).toEqual(Object.keys(hypRanges).sort());
  expect(hyp).toMatchObject({
    ...{ lr0: 0.01, lrf: 0.01, momentum: 0.937, weight_decay: 0.0005 },
    ...{ warmup_epochs: 3, warmup_momentum: 0.8, warmup_bias_lr: 0.1 },
    ...{ box: 0.05, cls: 0.5, cls_pw: 1, obj: 1, obj_pw: 1, iou_t: 0.2, anchor_t: 4, anchors: 0, fl_gamma: 0 },
    ...{ hsv_h: 0.015, hsv_s: 0.7, hsv_v: 0.4, degrees: 0, translate: 0.1, scale: 0.5, shear: 0, perspective: 0 },
    ...{ flipud: 0, fliplr: 0.5, mosaic: 1, mixup: 0, copy_paste: 0 },
  });
});

test("every file that ships has every key in its range, and no other", () => {
  const files = readdirSync(join(configsFolder(), "hyps")).sort();
  expect(files).toEqual([
    "hyp.Objects365.yaml",
    "hyp.VOC.yaml",
    "hyp.no-augmentation.yaml",
    "hyp.scratch-high.yaml",
    "hyp.scratch-low.yaml",
    "hyp.scratch-med.yaml",
  ]);
  for (const name of files) {
    const { hyp, warnings } = readHyp(name, {}, { strict: true });
    expect([name, Object.keys(hyp).sort(), warnings]).toEqual([name, Object.keys(hypRanges).sort(), []]);
  }
});

test.each([
  ["hyp.scratch-med.yaml", { lrf: 0.1, cls: 0.3, obj: 0.7, scale: 0.9, mixup: 0.1, copy_paste: 0 }],
  ["hyp.scratch-high.yaml", { lrf: 0.1, cls: 0.3, obj: 0.7, scale: 0.9, mixup: 0.1, copy_paste: 0.1 }],
  ["hyp.Objects365.yaml", { lr0: 0.00258, momentum: 0.779, box: 0.0539, anchors: 3.2, anchor_t: 3.44, scale: 0.491 }],
  ["hyp.VOC.yaml", { lr0: 0.00334, cls: 0.21638, obj_pw: 0.67198, anchors: 3.412, mosaic: 0.85834, mixup: 0.04266 }],
  ["hyp.no-augmentation.yaml", { lrf: 0.1, hsv_h: 0, translate: 0, scale: 0, fliplr: 0, mosaic: 0 }],
])("%s", (name, values) => {
  expect(readHyp(name).hyp).toMatchObject(values);
});

test("overrides lie over the file, as numbers or as texts", () => {
  expect(readHyp(undefined, { lr0: "0.02", mosaic: 0 }).hyp).toMatchObject({ lr0: 0.02, mosaic: 0, lrf: 0.01 });
});

test("an unknown key is a warning with file, line and suggestion, and an error with strict", () => {
  const path = file("slip.yaml", `${low}\nmosiac: 1.0\n`);
  const line = low.split("\n").length + 1;
  const { warnings } = readHyp(path);
  expect(warnings).toEqual([
    expect.stringMatching(new RegExp(`slip\\.yaml:${line}\\b.*mosiac.*did you mean "mosaic"`)),
  ]);
  expect(() => readHyp(path, {}, { strict: true })).toThrow("mosiac");
});

test.each([
  [
    "too-much",
    low.replace(/^mosaic:.*$/m, "mosaic: 1.5"),
    /too-much\.yaml:\d+.*mosaic=1\.5: expected a number from 0 to 1/,
  ],
  ["a-text", low.replace(/^lr0:.*$/m, "lr0: fast"), /a-text\.yaml:\d+.*lr0=fast: expected a number from 0 to 10/],
  ["missing", low.replace(/^lr0:.*$/m, ""), /missing\.yaml: lr0 missing/],
  ["a-list", "[1, 2]", /a-list\.yaml: keys and numbers expected/],
])("a hyp file with a mistake: %s", (name, text, message) => {
  expect(() => readHyp(file(`${name}.yaml`, text))).toThrow(message);
});

test.each([
  [{ lr0: "abc" }, "lr0=abc: expected a number from 0 to 10"],
  [{ mosaic: true }, "mosaic: no value given; expected a number from 0 to 1"],
  [{ mosaic: "" }, "mosaic=: expected a number from 0 to 1"],
])("an override with a mistake: %j", (overrides, message) => {
  expect(() => readHyp(undefined, overrides)).toThrow(message);
});
