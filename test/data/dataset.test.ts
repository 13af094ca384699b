import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { checkData, diskCacheFolder, encodePicture, parseYaml, readDataset, readYaml, scanSplit } from "swinyolo/data";
import { describe, expect, it } from "vitest";
import { goldens, hasShared, shared } from "../paths.js";
import { temporaryFolder } from "./temporary.js";

const picture = await encodePicture({ width: 20, height: 12, data: new Uint8Array(720).fill(90) }, "jpg");
const tiny = await encodePicture({ width: 20, height: 9, data: new Uint8Array(540) }, "png");

/** A folder with these files (text, or bytes); its path. */
function files(contents: Record<string, string | Uint8Array>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** What a data set of this YAML says, read in a folder with one picture each for training and validation. */
function read(yaml: string, more: Record<string, string | Uint8Array> = {}) {
  const folder = files({ "d.yaml": yaml, "images/train/a.jpg": picture, "images/val/b.jpg": picture, ...more });
  const dataset = readDataset(join(folder, "d.yaml"));
  const inside = (paths: readonly string[]) => paths.map((path) => relative(folder, path));
  return {
    dataset,
    train: inside(dataset.splits.train),
    val: inside(dataset.splits.val),
    test: inside(dataset.splits.test),
  };
}

const both = "train: images/train\nval: images/val\n";

describe("a data set's YAML", () => {
  it("names as a list; nc is their number", () => {
    const { dataset, train, val, test } = read(`${both}names: [cat, 7, 007, no]`);
    expect(dataset).toMatchObject({ names: ["cat", "7", "007", "no"], nc: 4, warnings: [] });
    expect([train, val, test]).toEqual([["images/train/a.jpg"], ["images/val/b.jpg"], []]);
  });

  it("names as a map in any order", () => {
    expect(read(`${both}names: {1: b, 0: a}`).dataset.names).toEqual(["a", "b"]);
  });

  it("folders with subfolders, hidden files left out", () => {
    const more = { "images/train/x/c.PNG": picture, "images/train/._a.jpg": "", "images/train/notes.md": "" };
    expect(read(`${both}names: [a]`, more).train).toEqual(["images/train/a.jpg", "images/train/x/c.PNG"]);
  });

  it("lists, relative to themselves with ./ and else to the root", () => {
    const more = { "lists/t.txt": "./../images/train/a.jpg\r\n\nimages/val/b.jpg\n" };
    const { train } = read("train: [lists/t.txt, images/val]\nval: images/val\nnames: [a]", more);
    expect(train).toEqual(["images/train/a.jpg", "images/val/b.jpg", "images/val/b.jpg"]);
  });

  it("a root of its own", () => {
    const { dataset, train } = read(`path: sub\n${both}names: [a]`, {
      "sub/images/train/c.jpg": picture,
      "sub/images/val/c.jpg": picture,
    });
    expect(train).toEqual(["sub/images/train/c.jpg"]);
    expect(dataset.path.endsWith("sub")).toBe(true);
  });

  it("a folder that links to its own parent is entered once", () => {
    const folder = files({ "d.yaml": `${both}names: [a]`, "images/train/a.jpg": picture, "images/val/b.jpg": picture });
    symlinkSync(join(folder, "images"), join(folder, "images/train/again"));
    expect(readDataset(join(folder, "d.yaml")).splits.train).toHaveLength(2);
  });

  it("a key that is nearly one of ours is pointed out", () => {
    expect(read(`${both}tset: images/val\nnames: [a]`).dataset.warnings).toEqual([
      expect.stringMatching(/d\.yaml:3:1: unknown key "tset"; did you mean "test"\?$/),
    ]);
  });

  it.each([
    ["an empty file", "", /d\.yaml: empty, expected a data set/],
    ["a list", "- a", /d\.yaml: no map, expected a data set/],
    ["no names", both, /d\.yaml: no names/],
    ["misspelt names", `${both}nmaes: [a]`, /no names.*found the unknown key "nmaes"/],
    ["names with a gap", `${both}names: {0: a, 2: b}`, /d\.yaml:3:1: names: no class 1, expected keys 0 to 1/],
    ["names that are no names", `${both}names: [[a]]`, /d\.yaml:3:9: names: class 0 has no name/],
    ["another count", `${both}nc: 2\nnames: [a]`, /d\.yaml:3:1: nc is 2, but names has 1 classes/],
    ["no validation", "train: images/train\nvalid: images/val\nnames: [a]", /no val, .*"valid"/],
    [
      "a folder that is not there",
      `train: imgs\nval: images/val\nnames: [a]`,
      /d\.yaml:1:1: train: no "imgs" \(looked for .*imgs/,
    ],
    [
      "a folder without pictures",
      `train: empty\nval: images/val\nnames: [a]`,
      /d\.yaml:1:1: train: no pictures in empty/,
    ],
    ["a map for a folder", `train: {a: b}\nval: images/val\nnames: [a]`, /train: expected a folder, a .txt list/],
  ])("%s is an error", (_, yaml, message) => {
    expect(() => read(yaml, { "empty/notes.md": "" })).toThrow(message);
  });

  it("a download entry is never run, and the message says so", () => {
    expect(() => read("train: nowhere\nval: nowhere\nnames: [a]\ndownload: touch DOWNLOADED")).toThrow(
      "download entry is never run",
    );
    expect(existsSync("DOWNLOADED")).toBe(false);
  });
});

describe("YAML that is refused", () => {
  it.each([
    [
      "a tag",
      "a: !!python/object/apply:os.system [ls]",
      "x.yaml:1:4: Unresolved tag: tag:yaml.org,2002:python/object/apply:os.system",
    ],
    ["a key twice", "a: 1\nb: {c: 1, c: 2}", 'x.yaml:2:11: key "c" is there twice'],
    ["a bracket left open", "a: [1", "x.yaml:1:6"],
    ["two documents", "a: 1\n---\nb: 1", "x.yaml:2:1"],
    ["brackets without end", "[".repeat(200_000), "x.yaml:1:101: nested too deeply"],
    ["dashes without end", "- ".repeat(200_000), "nested too deeply"],
    ["an alias to what it is in", "a: &a [1, {b: *a}]", "x.yaml:1:15: alias *a is part of what it stands for"],
  ])("%s", (_, text, message) => {
    expect(() => parseYaml(text, "x.yaml")).toThrow(message);
    expect(() => parseYaml(text, "x.yaml")).toThrow(expect.objectContaining({ name: "UserError" }));
  });

  it("aliases that multiply", () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(", ")}]`,
    );
    expect(() => parseYaml(["a0: &a0 [x]", ...levels].join("\n"), "x.yaml")).toThrow("Excessive alias count");
  });

  it("a file that is too long, or no file", () => {
    const folder = files({ "long.yaml": "a".repeat(100) });
    expect(() => readYaml(join(folder, "long.yaml"), { maxBytes: 99 })).toThrow("100 bytes, expected at most 99");
    expect(() => readYaml(folder)).toThrow("a folder, expected a file");
  });

  it("ten thousand keys take no time, __proto__ is a key like others", () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `k${i}: ${i}`).join("\n");
    const { value } = parseYaml(`__proto__: 1\n${keys}`, "x.yaml");
    expect(Object.keys(value as object)).toHaveLength(10_001);
    expect(({} as Record<string, unknown>).k0).toBeUndefined();
  });
});

describe.skipIf(!hasShared)("hostile YAML as a data set", () => {
  it.each(hasShared ? readdirSync(goldens("hostile", "yaml")) : [])("%s is refused without harm", (name) => {
    const file = goldens("hostile", "yaml", name);
    expect(() => readDataset(file)).toThrow(
      expect.objectContaining({ name: "UserError", message: expect.stringContaining(name) }),
    );
    for (const marker of ["YAML_EXECUTED.txt", "DOWNLOAD_EXECUTED.txt"]) {
      expect(existsSync(marker) || existsSync(join(dirname(file), marker))).toBe(false);
    }
  });
});

describe("a scan", () => {
  const mixed = () => {
    const folder = files({
      "images/a.jpg": picture,
      "labels/a.txt": "0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5",
      "images/background.jpg": picture,
      "images/cut.jpg": picture.subarray(0, picture.length - 60),
      "images/tiny.png": tiny,
      "images/text.png": "text",
      "images/badlabel.jpg": picture,
      "labels/badlabel.txt": "0 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5",
    });
    return readdirSync(join(folder, "images"))
      .sort()
      .map((name) => join(folder, "images", name));
  };

  it("leaves out what is broken and says why", async () => {
    const progress: number[] = [];
    const scan = await scanSplit(mixed(), { nc: 2, onProgress: (done) => progress.push(done) });
    expect(scan.counts).toEqual({ images: 2, backgrounds: 1, corrupt: 4, duplicates: 1, objects: 2 });
    expect(scan.entries[0]).toMatchObject({ width: 20, height: 12 });
    expect(scan.problems.map(({ file, line, what }) => `${file.split("/").pop()}:${line} ${what}`)).toEqual([
      "badlabel.txt:1 4 fields, expected 5 (class cx cy w h)",
      expect.stringMatching(/^cut\.jpg:0 broken picture: /),
      "text.png:0 no picture (expected JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP)",
      "tiny.png:0 20 x 9 pixels, expected at least 10 x 10",
    ]);
    expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("a class beyond the data set's is an error, not a picture left out", async () => {
    const folder = files({ "images/a.jpg": picture, "labels/a.txt": "\n5 0.5 0.5 0.5 0.5" });
    await expect(scanSplit([join(folder, "images/a.jpg")], { nc: 3 })).rejects.toThrow(
      "a.txt:2: class 5, expected 0 to 2",
    );
  });

  it("nothing left, or nothing labelled, is an error where labels are needed", async () => {
    const folder = files({ "images/a.jpg": picture, "images/b.jpg": "" });
    const [a, b] = ["a", "b"].map((name) => join(folder, `images/${name}.jpg`));
    await expect(scanSplit([b], { nc: 3 })).rejects.toThrow("no picture can be used");
    await expect(scanSplit([a], { nc: 3, needLabels: true })).rejects.toThrow("no labels found for 1 pictures");
    expect((await scanSplit([a], { nc: 3 })).counts.backgrounds).toBe(1);
  });
});

describe("checkData", () => {
  it("lists what is wrong in every split", async () => {
    const folder = files({
      "d.yaml": `${both}names: [a]`,
      "images/train/a.jpg": picture,
      "labels/train/a.txt": "0 0.5 0.5 0.5 0.5",
      "images/val/b.jpg": picture,
      "labels/val/b.txt": "1 0.5 0.5 0.5 0.5",
    });
    const { images, objects, problems } = await checkData(join(folder, "d.yaml"));
    expect([images, objects]).toEqual([1, 1]);
    expect(problems).toEqual([{ file: join(folder, "labels/val/b.txt"), line: 1, what: "class 1, expected 0 to 0" }]);
  });

  it.skipIf(!hasShared)("the blood cells are in order", async () => {
    const file = readdirSync(shared("data", "bccd")).find((name) => name.endsWith(".yaml"))!;
    expect(await checkData(shared("data", "bccd", file))).toEqual({
      images: 364,
      objects: 4886,
      problems: [],
      warnings: [],
    });
  });
});

describe("the folder of a disk cache", () => {
  it("is in the data set where that lies beside its YAML, else among temporary files", () => {
    const folder = files({ "in/d.yaml": "", "in/data/x": "", "out/x": "" });
    const file = join(folder, "in/d.yaml");
    expect(diskCacheFolder({ file, path: join(folder, "in/data") })).toBe(join(folder, "in/data/.swinyolo-cache"));
    expect(diskCacheFolder({ file, path: join(folder, "out") })?.startsWith(join(tmpdir(), "swinyolo-cache-"))).toBe(
      true,
    );
    expect(readdirSync(join(folder, "out"))).toEqual(["x"]);
  });

  it("is never behind a link", () => {
    const folder = files({ "d.yaml": "", "elsewhere/x": "" });
    symlinkSync(join(folder, "elsewhere"), join(folder, ".swinyolo-cache"));
    expect(
      diskCacheFolder({ file: join(folder, "d.yaml"), path: folder })?.startsWith(join(tmpdir(), "swinyolo-cache-")),
    ).toBe(true);
  });
});
