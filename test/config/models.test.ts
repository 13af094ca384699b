import { readdirSync } from "node:fs";
import { join } from "node:path";
import { configsFolder, readModelFile, resolveModelFile } from "swinyolo/engine";
import { buildModel, countParameters } from "swinyolo/nn";
import { describe, expect, test } from "vitest";

// Parameters with 80 classes; those of the Swin variants but the post's are our own count.
const parameters = {
  yolov5n: 1_872_157,
  yolov5s: 7_235_389,
  yolov5m: 21_190_557,
  yolov5l: 46_563_709,
  yolov5x: 86_749_405,
  yolov5n6: 3_246_940,
  yolov5s6: 12_626_620,
  yolov5m6: 35_731_932,
  yolov5l6: 76_770_172,
  yolov5x6: 140_794_780,
  yolov3: 61_949_149,
  "yolov3-spp": 62_998_749,
  "yolov3-tiny": 8_852_366,
  "yolov5-bifpn": 46_825_853,
  "yolov5-fpn": 41_117_565,
  "yolov5-panet": 46_563_709,
  "yolov5-p2": 47_493_372,
  "yolov5-p34": 5_331_518,
  "yolov5-p6": 76_770_172,
  "yolov5-p7": 144_281_723,
  "yolov5s-ghost": 3_897_605,
  "yolov5s-transformer": 7_235_645,
  "yolov5s-LeakyReLU": 7_235_389,
  "yolov5n-swinv2": 1_635_623,
  "yolov5s-swinv2": 6_256_465,
  "yolov5n-swinv2-neck": 3_072_047,
  "yolov5s-swinv2-neck": 11_984_225,
  "yolov5n-swinv2-all": 4_441_543,
  "yolov5s-swinv2-all": 17_392_785,
};

const built = (name: string) => {
  const { yaml, place } = readModelFile(resolveModelFile(name));
  return { yaml, model: buildModel(yaml, { place }) };
};

test("the table below has every model that ships", () => {
  const shipped = readdirSync(join(configsFolder(), "models")).map((file) => file.replace(/\.yaml$/, ""));
  expect(shipped.sort()).toEqual(Object.keys(parameters).sort());
});

test.each(Object.entries(parameters))("%s has %i parameters", (name, count) => {
  expect(countParameters(built(name).model.module)).toBe(count);
});

describe("where the Swin variants have their blocks", () => {
  const swin = (name: string) =>
    built(name)
      .model.layers.filter(({ module }) => module === "SwinV2_CSPB")
      .map(({ index }) => index);
  const places = { "": [6, 8], "-neck": [13, 17, 20, 23], "-all": [4, 6, 8, 13, 17, 20, 23] };
  test.each(Object.entries(places))("yolov5{n,s}-swinv2%s", (ending, rows) => {
    expect(swin(`yolov5n-swinv2${ending}`)).toEqual(rows);
    expect(swin(`yolov5s-swinv2${ending}`)).toEqual(rows);
  });
});

test.each([
  [
    "yolov5n-swin2",
    'yolov5n-swin2: no such file, and no configuration of that name in configs/models; did you mean "yolov5n-swinv2"?',
  ],
  ["../models/yolov5n.yaml", "../models/yolov5n.yaml: no such file"],
])("no model file %s", (file, message) => {
  expect(() => resolveModelFile(file)).toThrow(message);
});
