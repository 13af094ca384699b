import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePicture } from "swinyolo/data";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "../paths.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const swinyolo = (words: readonly string[], { flags = [] as string[], env = {} } = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, join(root, "dist/cli/main.js"), ...words], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, FORCE_COLOR: "", CI: "1", ...env },
  });
  return { status, stdout, stderr };
};

// A file that the test writes: one of ours with a slip in it.
const edited = (name: string, from: string, to: string): string => {
  const text = readFileSync(join(root, "configs/models/yolov5n-swinv2.yaml"), "utf8");
  expect(text).toContain(from);
  writeFileSync(join(folder, name), text.replace(from, to));
  return name;
};

describe("a mistake ends in one line that names it, with exit code 2", () => {
  test.each<[string, () => string[], RegExp]>([
    ["a command's name", () => ["predct", "weights=x"], /^predct: no such command; did you mean "predict"\?/],
    ["no command, only an option", () => ["--epochs=3"], /^--epochs=3: no such command/],
    ["the command that help is asked for", () => ["help", "trian"], /^trian: .*did you mean "train"\?/],
    ["an option's name", () => ["train", "epchs=3"], /^epchs: no such option; did you mean "epochs"\?$/],
    ["an option's range", () => ["train", "imgsz=-5"], /^imgsz=-5: expected an image size in pixels/],
    ["a hyper-parameter's range", () => ["train", "model=yolov5n", "data=d", "mosaic=2"], /^mosaic=2: .* 0 to 1$/],
    ["an option that is not here", () => ["train", "--multi-scale"], /^multi-scale: .* not here yet$/],
    ["a word without a name", () => ["train", "yolov5n.yaml"], /^"yolov5n.yaml": an option as name=value expected$/],
    [
      "data that is not there",
      () => ["train", "model=yolov5n.yaml", "data=nowhere.yaml"],
      /^nowhere.yaml: no such file$/,
    ],
    ["weights that are not there", () => ["predict", "weights=nothing.pt", "source=."], /nothing\.pt: .*no such file$/],
    ["a model that is not there", () => ["info", "model=yolov5n-swinv3"], /did you mean "yolov5n-swinv2(\.yaml)?"\?$/],
    [
      "class folders that are not there",
      () => ["train", "model=swinv2-nano", "data=nowhere"],
      /nowhere: no such file$/,
    ],
    [
      "an option that classifiers have not",
      () => ["train", "task=classify", "mosaic=1"],
      /^mosaic: an option of detectors, not of classifiers$/,
    ],
    ["a task's name", () => ["train", "task=clasify"], /^task=clasify: expected one of detect, classify, pretrain$/],
    ["nothing given to info", () => ["info"], /^model or weights expected/],
    ["a network that cannot be planned", () => ["plan", "model=swinv3-g"], /did you mean "swinv2-g"\?/],
    ["nothing given to check-data", () => ["check-data"], /^data expected/],
    [
      "a module's name",
      () => ["info", `model=${edited("slip.yaml", "SwinV2_CSPB, [256]", "SwinV2_CSBP, [256]")}`],
      /^slip.yaml:19:\d+: .*"SwinV2_CSBP" is not known; did you mean "SwinV2_CSPB"\?$/,
    ],
    [
      "a layer that a row reads",
      () => ["info", `model=${edited("from.yaml", "[-1, 6], 1", "[-1, 60], 1")}`],
      /^from.yaml:28:\d+: .*row 12 \(Concat\).* 60/,
    ],
  ])("%s", (_, words, message) => {
    const { status, stdout, stderr } = swinyolo(words());
    expect({ status, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ status: 2, stdout: "", lines: 1 });
    expect(stderr.trimEnd()).toMatch(message);
  });
});

describe("usage", () => {
  test("is told without a command, on --help and on help, the same", () => {
    const { status, stdout, stderr } = swinyolo([]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const command of ["train", "val", "predict", "export", "info", "import", "plan", "check-data"])
      expect(stdout).toMatch(new RegExp(`^  ${command} +\\w`, "m"));
    expect(swinyolo(["--help"]).stdout).toBe(stdout);
    expect(swinyolo(["help"]).stdout).toBe(stdout);
  });

  test("of a command names its options, their defaults and other names", () => {
    const { status, stdout } = swinyolo(["train", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^ {2}batch +pictures a batch; auto takes what fits into memory; a whole number from 1, or auto \[16\] \(also --batch-size\)$/m,
    );
    expect(stdout).toContain("lr0, lrf, momentum");
    expect(swinyolo(["help", "train"]).stdout).toBe(stdout);
  });

  test("has no colours outside a terminal, not even where CI is set", () => {
    expect(swinyolo(["train", "--help"]).stdout).not.toContain("\x1b[");
    expect(swinyolo(["info", "model=yolov5n.yaml", "imgsz=64"]).stdout).not.toContain("\x1b[");
  });

  test("and mistakes are told before ONNX Runtime or the picture library is loaded", () => {
    const report = "process.on('exit',()=>console.log(JSON.stringify(process.report.getReport().sharedObjects)))";
    const flags = ["--import", `data:text/javascript,${encodeURIComponent(report)}`];
    for (const words of [["--help"], ["predict", "--help"], ["train", "epchs=3"], ["train", "lr0=x"]]) {
      const { stdout } = swinyolo(words, { flags });
      const libraries = JSON.parse(stdout.trimEnd().split("\n").at(-1) as string) as string[];
      expect(libraries.length).toBeGreaterThan(2);
      expect(libraries.filter((file) => /onnxruntime|sharp|vips/.test(file))).toEqual([]);
    }
  });

  test("--version tells the package's", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(swinyolo(["--version"]).stdout).toBe(`${version}\n`);
  });
});

describe("info", () => {
  test("with json=true is one object on standard output", () => {
    const { status, stdout, stderr } = swinyolo(["info", "--cfg", "yolov5n-swinv2.yaml", "--img", "64", "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    const found = JSON.parse(stdout);
    expect(Object.keys(found)).toEqual(["parameters", "gflops", "layers", "memory"]);
    expect(found.parameters).toBe(1635623);
    expect(found.layers[6]).toMatchObject({
      index: 6,
      from: -1,
      repeats: 3,
      module: "SwinV2_CSPB",
      shape: [1, 64, 4, 4],
    });
  });

  test("is a table for people, with the sums below", () => {
    const { stdout } = swinyolo(["info", "model=yolov5n-swinv2", "imgsz=64"]);
    expect(stdout).toMatch(/^ +6 +-1 +3 +[\d,]+ +SwinV2_CSPB +64 x 4 x 4/m);
    expect(stdout).toMatch(/^1,635,623 parameters, [\d.]+ GFLOPs at 64 x 64/m);
  });
});

test("plan tells what a device takes, and ends with exit code 1 where that is more than its memory", () => {
  const words = ["plan", "model=swinv2-g", "imgsz=1536", "devices=8", "zero=1", "recompute=block", "precision=p16"];
  const fits = swinyolo([...words, "sequential=2", "memory=40GiB"]);
  expect(fits.status).toBe(0);
  expect(fits.stdout).toMatch(/^states +16\.51 +15\.38/m);
  expect(fits.stdout).toMatch(/^activations +13\.31 +12\.40 +at their most, in stage 2/m);
  expect(fits.stdout).toMatch(/^memory 42\.95 GB = 40\.00 GiB: fits/m);
  const not = swinyolo([...words, "memory=40GiB"]);
  expect(not.status).toBe(1);
  expect(not.stdout).toMatch(/too much; zero=1 recompute=block sequential=2 would$/m);
});

test("import reports its result as JSON, and refuses what is no weights file", () => {
  writeFileSync(join(folder, "text.pt"), "not weights");
  const { status, stdout, stderr } = swinyolo(["import", "weights=text.pt", "out=out.safetensors", "json=true"]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^text\.pt: .+\n$/);
});

test("a failure that is ours says so in two lines with exit code 1, and where with SWINYOLO_DEBUG=1", () => {
  writeFileSync(join(folder, "boom.js"), "process.emit('uncaughtException', new Error('boom'));");
  const words = ["info", "model=yolov5n.yaml", "plugin=boom.js"];
  const { status, stderr } = swinyolo(words);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^boom\nThis is a bug in swinyolo\. .*SWINYOLO_DEBUG=1.*\n$/);
  expect(swinyolo(words, { env: { SWINYOLO_DEBUG: "1" } }).stderr).toMatch(/^ +at .*boom\.js/m);
});

test("Ctrl-C ends a training with exit code 130 and says how to go on with it", async () => {
  for (const split of ["train", "val"]) {
    mkdirSync(join(folder, "images", split), { recursive: true });
    mkdirSync(join(folder, "labels", split), { recursive: true });
    const grey = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(99) };
    writeFileSync(join(folder, "images", split, "a.png"), await encodePicture(grey, "png"));
    writeFileSync(join(folder, "labels", split, "a.txt"), "0 0.5 0.5 0.4 0.4\n");
  }
  writeFileSync(join(folder, "data.yaml"), "path: .\ntrain: images/train\nval: images/val\nnames: [thing]\n");
  const words = [
    "train",
    "model=yolov5n.yaml",
    "data=data.yaml",
    "imgsz=32",
    "epochs=5000",
    "workers=0",
    "noplots",
    "json",
  ];
  const child = spawn(process.execPath, [join(root, "dist/cli/main.js"), ...words], { cwd: folder });
  let [out, err] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (!out.includes('"type":"epoch"') && text.includes('"type":"epoch"')) child.kill("SIGINT");
    out += text;
  });
  const [status] = (await once(child, "close")) as [number];
  expect(status).toBe(130);
  expect(err).toMatch(/Stopping; again to stop at once\.\n.*Go on with: swinyolo train resume=.*exp\n$/s);
  const run = /resume=(.*)\n/.exec(err)?.[1] as string;
  expect(existsSync(join(run, "weights", "last.safetensors"))).toBe(true);
  for (const line of out.trimEnd().split("\n")) expect(typeof JSON.parse(line).type).toBe("string");
});
