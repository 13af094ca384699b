import fc from "fast-check";
import {
  type CocoDetection,
  type CocoGroundTruth,
  type CocoOptions,
  coco80,
  cocoRecords,
  evaluateCoco,
  maskToRle,
  rleToMask,
} from "swinyolo/engine";
import { describe, expect, test } from "vitest";

const images = [{ id: 7, width: 100, height: 80 }];
const categories = [{ id: 1, name: "cat" }];
const square = { image_id: 7, category_id: 1, bbox: [10, 10, 40, 40] };

function evaluated(objects: readonly object[], detections: readonly object[], options: CocoOptions = {}) {
  const annotations = objects.map((object, i) => ({ ...square, area: 1600, iscrowd: 0, id: i + 1, ...object }));
  const found = detections.map((detection) => ({ ...square, score: 0.5, ...detection }));
  return evaluateCoco({ images, categories, annotations } as CocoGroundTruth, found as CocoDetection[], options);
}

const ap = (...args: Parameters<typeof evaluated>) => evaluated(...args).stats[0];

describe("COCO evaluation", () => {
  test("all found", () => {
    const { stats, perClass } = evaluated([{}], [{}]);
    const all = [1, 1, 1, -1, 1, -1, 1, 1, 1, -1, 1, -1];
    stats.forEach((value, i) => {
      expect(value).toBeCloseTo(all[i], 12);
    });
    expect(perClass.get(1)!.ap50).toBeCloseTo(1, 12);
  });
  test("a box of three quarters is found at six thresholds", () =>
    expect(ap([{}], [{ bbox: [10, 10, 40, 30] }])).toBeCloseTo(0.6, 12));
  test("a mistake before a find halves the precision", () =>
    expect(ap([{}], [{ score: 0.9, bbox: [60, 60, 5, 5] }, {}])).toBeCloseTo(0.5, 12));
  test("a crowd is found by any number, and by none", () => {
    const crowd = { iscrowd: 1, bbox: [0, 0, 100, 80], area: 8000 };
    expect(
      ap([{}, crowd], [{}, { bbox: [60, 60, 5, 5], score: 0.9 }, { bbox: [70, 60, 5, 5], score: 0.8 }]),
    ).toBeCloseTo(1, 12);
    expect(evaluated([crowd], [{}]).perClass.size).toBe(0);
  });
  test("`ignore` says nothing, as in pycocotools", () => expect(ap([{ ignore: 1 }], [])).toBe(0));
  test("without classes a find of another counts", () => {
    const two = { images, categories: [{ id: 1 }, { id: 2 }], annotations: [{ ...square, id: 1, area: 1600 }] };
    const found = [{ ...square, category_id: 2, score: 1 }];
    expect(evaluateCoco(two, found).stats[0]).toBe(0);
    expect(evaluateCoco(two, found, { useCats: false }).stats[0]).toBeCloseTo(1, 12);
  });
  test("pictures may be chosen", () => {
    const two = {
      images: [...images, { id: 8 }],
      categories,
      annotations: [
        { ...square, id: 1, area: 1600 },
        { ...square, id: 2, image_id: 8 },
      ],
    };
    const found = [{ ...square, score: 1 }];
    expect(evaluateCoco(two, found).stats[8]).toBeCloseTo(0.5, 12);
    expect(evaluateCoco(two, found, { imageIds: [7] }).stats[8]).toBeCloseTo(1, 12);
  });
  test("masks: polygons, run lengths and boxes are the same square", () => {
    const polygon = [[10, 10, 10, 50, 50, 50, 50, 10]];
    const mask = Uint8Array.from({ length: 8000 }, (_, i) => {
      const [x, y] = [i % 100, Math.floor(i / 100)];
      return x >= 10 && x < 50 && y >= 10 && y < 50 ? 1 : 0;
    });
    const shapes = [polygon, maskToRle(mask, { width: 100, height: 80 }), undefined];
    for (const truth of shapes) {
      for (const found of shapes) {
        expect(ap([{ segmentation: truth }], [{ segmentation: found }], { iouType: "segm" })).toBeCloseTo(1, 12);
      }
    }
  });
  test("what cannot be evaluated is the user's mistake", () => {
    const rle = (counts: unknown) => () =>
      ap([{ segmentation: { size: [80, 100], counts } }], [{}], { iouType: "segm" });
    expect(() => ap([{}], [{ image_id: 9 }])).toThrow("picture 9 is not among those of the annotations");
    expect(rle([9000])).toThrow("runs of 9000 pixels in all, its size is 80 x 100");
    expect(rle([-1])).toThrow("a run of -1 pixels");
    expect(rle("\n")).toThrow("damaged run lengths");
    expect(rle("P")).toThrow("damaged run lengths"); // ends where a group should follow
    expect(() => evaluateCoco({} as CocoGroundTruth, [])).toThrow("lists of images, annotations and categories");
  });
});

test("any mask survives its run lengths", () => {
  const side = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(side, side, fc.infiniteStream(fc.boolean()), (width, height, bits) => {
      const mask = Uint8Array.from({ length: width * height }, () => Number(bits.next().value));
      expect(rleToMask(maskToRle(mask, { width, height }))).toEqual(mask);
    }),
  );
});

describe("results for COCO", () => {
  const row = Float32Array.from([1.0625, 2.0005, 11.1, 22.25, 0.123456, 79]);
  test("ids, categories, boxes by their corner, rounded", () =>
    expect(cocoRecords("000000000139", row, { categories: coco80 })).toEqual([
      { image_id: 139, category_id: 90, bbox: [1.062, 2, 10.038, 20.25], score: 0.12346 },
    ]));
  test("names stay, classes without a map count", () => {
    const [record] = cocoRecords("street_1", row, { masks: [maskToRle([1], { width: 1, height: 1 })] });
    expect(record).toMatchObject({
      image_id: "street_1",
      category_id: 79,
      segmentation: { size: [1, 1], counts: "01" },
    });
  });
  test("80 classes", () => {
    expect(coco80).toHaveLength(80);
    expect([coco80[0], coco80[11], coco80[25], coco80[79]]).toEqual([1, 13, 28, 90]);
  });
});
