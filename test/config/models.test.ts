import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml } from "swinyolo/data";
import { configsFolder, info, resolveHypFile, resolveModelFile } from "swinyolo/engine";
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
};

describe("models that ship", () => {
  const folder = join(configsFolder(), "models");

  test("are these, and no others", () => {
    const found = readdirSync(folder).map((file) => file.replace(/\.yaml$/, ""));
    expect(found.sort()).toEqual(Object.keys(parameters).sort());
  });

  test.each(Object.entries(parameters))("%s has %d parameters", async (name, count) => {
    expect((await info({ model: name, imgsz: 64 })).parameters).toBe(count);
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
      const layers = rows.filter((row) => /\[.*, \d+, [A-Z\w.]+, \[/.test(row));
      expect(layers.length).toBeGreaterThan(15);
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
