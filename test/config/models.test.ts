import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml, UserError } from "swinyolo/data";
import { configsFolder, info, resolveHypFile, resolveModelFile } from "swinyolo/engine";
import { buildClassifier, buildModel } from "swinyolo/nn";
import { describe, expect, test } from "vitest";

// Parameters for 80 classes: as YOLOv5 v7.0 logs them, and the post's; those of the other Swin variants are our own count.
const parameters: Record<string, number> = {
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
  "yolov5s-swin": 7_739_217, // the count of its namesake with 80 classes
  "yolov5s-c3str": 7_370_565,
  "yolov5s-swinv2": 6_256_465,
  "yolov5n-swinv2": 1_635_623,
  "yolov5n-swinv2-neck": 3_072_047,
  "yolov5s-swinv2-neck": 11_984_225,
  "yolov5n-swinv2-all": 4_441_543,
  "yolov5s-swinv2-all": 17_392_785,
  "yolov5-swinv2-t": 31_767_335,
};

// With 1000 classes, as published; nano is ours.
const classifiers: Record<string, number> = {
  "swinv2-t": 28_347_154,
  "swinv2-s": 49_728_418,
  "swinv2-b": 87_918_816,
  "swinv2-l": 196_739_932,
  "swinv2-h": 658_036_370,
  "swinv2-giant": 1_064_561_996,
  "swinv2-g": 3_001_940_680,
  "swinv2-nano": 2_560_230,
  "yolov5n-cls": 2_493_000,
  "yolov5s-cls": 5_453_480,
  "yolov5m-cls": 12_957_640,
  "yolov5l-cls": 26_552_680,
  "yolov5x-cls": 48_097_160,
};

describe("models that ship", () => {
  const folder = join(configsFolder(), "models");

  test("are these, and no others", () => {
    const found = readdirSync(folder).map((file) => file.replace(/\.yaml$/, ""));
    expect(found.sort()).toEqual(Object.keys({ ...parameters, ...classifiers }).sort());
  });

  test.each(Object.entries(parameters))("%s has %d parameters", async (name, count) => {
    expect((await info({ model: name, imgsz: 64 })).parameters).toBe(count);
  });

  test.each(Object.entries(classifiers))("%s has %d parameters", async (name, count) => {
    const found = await info({ model: name });
    expect(found.parameters).toBe(count);
    expect(found.layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(count);
  });

  test("count the work of a classifier as papers do, and as it is", async () => {
    const { classifier, gflops, imgsz, strides } = await info({ model: "swinv2-b", imgsz: 384, window: 24 });
    expect(imgsz).toEqual([384, 384]);
    expect(strides).toEqual([4, 8, 16, 32]);
    expect(classifier).toMatchObject({ family: "swinv2", classes: 1000, parametersWithoutHead: 86_893_816 });
    expect(classifier?.quotedGmacs).toBeCloseTo(54.748, 3);
    expect(gflops).toBeCloseTo(2 * (classifier?.gmacs ?? 0), 9);
  });

  test.each([
    [
      { window: 200 },
      "b.yaml:6:3: window: got 200, expected a whole number from 1 to 64, or a list of them, one for each stage",
    ],
    [{ windows: 8 }, 'b.yaml:6:3: key "windows" is not known; did you mean "window"?'],
    [{ img_size: 250 }, "b.yaml:4:1: img_size: got 250 x 250, expected multiples of 32"],
    [
      { img_size: 320, window: 16 },
      "b.yaml:4:1: window: stage 1 has a grid of 40 x 40 tokens, which does not divide into windows of 16",
    ],
    [{ num_heads: [3, 6] }, "b.yaml:4:1: num_heads: got 2 numbers, expected 4, one for each stage"],
  ])("classifiers name mistakes: %j", (change, message) => {
    const keys = Object.entries(change).map(([key, value]) => `\n  ${key}: ${JSON.stringify(value)}`);
    const text = `task: classify\nnc: 10\n\nswinv2:\n  variant: t${keys.join("")}\n`;
    const { value, place } = parseYaml(text, "b.yaml");
    expect(() => buildClassifier(value, { place })).toThrow(new UserError(message));
  });

  test("a classifier is no detector", () => {
    const { value, place } = parseYaml("task: classify\nnc: 10\nswinv2: {variant: t}\n", "b.yaml");
    expect(() => buildModel(value, { place })).toThrow(new UserError("b.yaml:1:1: a classifier, expected a detector"));
    expect(() => buildClassifier({ nc: 10 })).toThrow(/^task: no classifier, expected task: classify, nc and one of /);
  });

  test.each([
    ["", [6, 8], [2, 4, 13, 17, 20, 23]],
    ["-neck", [13, 17, 20, 23], [2, 4, 6, 8]],
    ["-all", [4, 6, 8, 13, 17, 20, 23], [2]],
  ])("swinv2%s has Swin blocks in these rows and C3 in those", async (place, blocks, plain) => {
    for (const size of ["n", "s"]) {
      const { layers } = await info({ model: `yolov5${size}-swinv2${place}`, imgsz: 64 });
      const rows = (module: string) => layers.filter((layer) => layer.module === module).map(({ index }) => index);
      expect(rows("SwinV2_CSPB")).toEqual(blocks);
      expect(rows("C3")).toEqual(plain);
    }
  });

  test("number their rows right in their comments", () => {
    for (const file of readdirSync(folder)) {
      const rows = readFileSync(join(folder, file), "utf8").match(/^ {2}- \[.*\].*$/gm) ?? [];
      if (file.startsWith("swinv2-")) continue;
      const layers = rows.filter((row) => /\[.*, \d+, [A-Z\w.]+, \[/.test(row));
      expect(layers.length).toBeGreaterThan(file.includes("-cls") ? 9 : 15);
      layers.forEach((row, i) => {
        expect(row.split("#")[1]?.trim().split(" ")[0], `${file}: ${row}`).toBe(String(i));
      });
    }
  });

  test("are found by name, with and without .yaml, after files of the user's", () => {
    expect(resolveModelFile("yolov5n")).toBe(join(folder, "yolov5n.yaml"));
    expect(resolveModelFile("yolov5n.yaml")).toBe(join(folder, "yolov5n.yaml"));
    expect(resolveModelFile("package.json")).toBe("package.json");
    expect(() => resolveModelFile("yolov5q.yaml")).toThrow(
      /^yolov5q.yaml: no such file.*did you mean "yolov5\w.yaml"\?$/,
    );
    expect(() => resolveModelFile("elsewhere/yolov5n.yaml")).toThrow(/^elsewhere\/yolov5n.yaml: no such file/);
    expect(resolveHypFile("hyp.VOC")).toBe(join(configsFolder(), "hyps", "hyp.VOC.yaml"));
  });
});

test("every YAML file that ships is plain: no anchors, tags or aliases of YAML, a comment on top", () => {
  for (const kind of ["models", "hyps"]) {
    for (const file of readdirSync(join(configsFolder(), kind))) {
      const text = readFileSync(join(configsFolder(), kind, file), "utf8");
      expect(text, file).toMatch(/^# \w.*\.\n/);
      expect(text, file).not.toMatch(/[&*!]\w/);
      expect(parseYaml(text, file).value, file).toBeTypeOf("object");
    }
  }
});
