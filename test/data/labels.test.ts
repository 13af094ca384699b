import { labelPathOf, parseLabels } from "swinyolo/data";
import { describe, expect, it } from "vitest";

const parse = (text: string) => parseLabels(text, { nc: 3, file: "a.txt" });
const rows = (text: string) => {
  const { labels } = parse(text);
  return labels && Array.from(labels.classes, (cls, i) => [cls, ...labels.boxes.subarray(4 * i, 4 * i + 4)]);
};

describe("label files that are read", () => {
  it.each<[string, string, number[][]]>([
    ["an empty file", "", []],
    ["blank lines", "\n0 0.5 0.5 0.25 0.5\n \n\n", [[0, 0.5, 0.5, 0.25, 0.5]]],
    [
      "Windows line ends",
      "0 0.5 0.5 0.25 0.5\r\n1 0.5 0.5 0.25 0.5\r\n",
      [
        [0, 0.5, 0.5, 0.25, 0.5],
        [1, 0.5, 0.5, 0.25, 0.5],
      ],
    ],
    ["a byte order mark", "\uFEFF0 0.5 0.5 0.25 0.5", [[0, 0.5, 0.5, 0.25, 0.5]]],
    ["tabs and other ways to write numbers", "1.0\t.5 5e-1 +0.25 1", [[1, 0.5, 0.5, 0.25, 1]]],
    ["a box that reaches out of the picture", "0 1 0.5 0.5 0.5", [[0, 1, 0.5, 0.5, 0.5]]],
    ["a value that float32 rounds to 1", "0 1.00000001 0.5 0.5 0.5", [[0, 1, 0.5, 0.5, 0.5]]],
    ["a polygon", "1 0.25 0.25 0.75 0.25 0.75 0.5", [[1, 0.5, 0.375, 0.5, 0.25]]],
    [
      "a row of 5 among polygons: two points",
      "1 0.25 0.25 0.75 0.25 0.75 0.5\n0 0 0 0.5 1",
      [
        [1, 0.5, 0.375, 0.5, 0.25],
        [0, 0.25, 0.5, 0.5, 1],
      ],
    ],
    [
      "repeated rows: the others, sorted",
      "2 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.5 0.5",
      [
        [0, 0.5, 0.5, 0.5, 0.5],
        [2, 0.5, 0.5, 0.5, 0.5],
      ],
    ],
  ])("%s", (_, text, expected) => {
    expect(rows(text)).toEqual(expected);
  });

  it("order is the file's where nothing repeats", () => {
    expect(rows("2 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5")?.map(([cls]) => cls)).toEqual([2, 0]);
  });

  it("segments keep their points, and follow their boxes when repeats are left out", () => {
    const text = ["2 0 0 1 0 1 1", "0 0 0 0.5 0 0.5 0.5", "2 0 0 1 0 1 1"].join("\n");
    const { labels, duplicates, warnings } = parse(text);
    expect(labels?.segments?.map((segment) => [...(segment ?? [])])).toEqual([
      [0, 0, 0.5, 0, 0.5, 0.5],
      [0, 0, 1, 0, 1, 1],
    ]);
    expect(duplicates).toBe(1);
    expect(warnings).toEqual([{ file: "a.txt", line: 3, what: "the same object as an earlier row" }]);
  });

  it("one class for all", () => {
    expect([...(parseLabels("7 0.5 0.5 0.5 0.5", { nc: 1, file: "", singleCls: true }).labels?.classes ?? [])]).toEqual(
      [0],
    );
  });
});

describe("label files that are refused", () => {
  it.each([
    ["not a number", "0 nan 0.5 0.2 0.3", 1, '"nan" is not a number'],
    ["infinity", "0 0.5 0.5 inf 0.3", 1, '"inf" is not a number'],
    [
      "a number beyond all",
      "0 0.5 0.5 1e999 0.3",
      1,
      "0.5 0.5 Infinity 0.3 is no box: Infinity is outside 0 to 1 (fractions of the picture)",
    ],
    ["hexadecimal", "0 0x1 0.5 0.2 0.3", 1, '"0x1" is not a number'],
    ["a word", "cat 0.5 0.5 0.2 0.3", 1, '"cat" is not a number'],
    ["commas", "0,0.5,0.5,0.2,0.3", 1, "1 fields, expected 5 (class cx cy w h)"],
    [
      "a negative coordinate",
      "0 -0.5 0.5 0.25 0.5",
      1,
      "-0.5 0.5 0.25 0.5 is no box: -0.5 is outside 0 to 1 (fractions of the picture)",
    ],
    [
      "pixels",
      "0 0.5 0.5 0.25 0.5\n0 320 240 100 80",
      2,
      "320 240 100 80 is no box: 320 is outside 0 to 1 (fractions of the picture)",
    ],
    ["a negative class", "-1 0.5 0.5 0.25 0.5", 1, "class -1, expected 0 to 2"],
    ["a class too high", "3 0.5 0.5 0.25 0.5", 1, "class 3, expected 0 to 2"],
    ["a fraction for a class", "0.5 0.5 0.5 0.25 0.5", 1, "class 0.5 is not a whole number"],
    ["4 fields", "0 0.5 0.5 0.25", 1, "4 fields, expected 5 (class cx cy w h)"],
    ["6 fields", "0 0.5 0.5 0.25 0.5 0.9", 1, "6 fields, expected 5 (class cx cy w h)"],
    ["rows of different lengths", "0 0.5 0.5 0.25 0.5\n1 0.5 0.5", 2, "3 fields, expected 5 (class cx cy w h)"],
    ["half a point", "0 0 0 1 0 1 1 0.5", 1, "8 fields in a file of polygons, expected a class and pairs of x and y"],
  ])("%s", (_, text, line, what) => {
    const { labels, problems } = parse(text);
    expect(labels).toBeUndefined();
    expect(problems).toContainEqual({ file: "a.txt", line, what });
  });

  it("only a class too high is set apart", () => {
    expect(parse("3 0.5 0.5 0.25 0.5").outOfRange?.line).toBe(1);
    expect(parse("-1 0.5 0.5 0.25 0.5").outOfRange).toBeUndefined();
  });
});

it.each([
  ["/a/images/train/b.jpg", "/a/labels/train/b.txt"],
  ["/images/a/images/b.c.png", "/images/a/labels/b.c.txt"],
  ["/a/myimages/b.jpg", "/a/myimages/b.txt"],
  ["C:\\a\\images\\b.jpg", "C:\\a\\labels\\b.txt"],
  ["/a/images.v2/b", "/a/images.v2/b.txt"],
])("the labels of %s are in %s", (picture, labels) => {
  expect(labelPathOf(picture)).toBe(labels);
});
