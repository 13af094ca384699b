import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePt, parsePt, parseSafetensors, readPt } from "swinyolo/engine";
import {
  bytesPerElement,
  type DType,
  type HostArray,
  hostArray,
  type TypedArray,
  toFloat32,
  toFloat64,
} from "swinyolo/graph";
import { afterAll, describe, expect, test } from "vitest";
import { hasShared, shared } from "../paths.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-pt-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(!hasShared)("the pickled yolov5n holds the tensors of its safetensors", async () => {
  const pt = await readPt(shared("weights", "yolov5n.pt"));
  const { tensors } = parseSafetensors(readFileSync(shared("weights", "yolov5n.safetensors")));
  expect([...pt.tensors.keys()]).toEqual([...tensors.keys()]);
  expect(pt.tensors.size).toBe(349);
  for (const [name, { shape, data, dtype }] of tensors) {
    const found = pt.tensors.get(name)!;
    const isHalf = dtype === "float32";
    expect([name, found.dtype, found.shape]).toEqual([name, isHalf ? "float16" : dtype, shape]);
    expect(equalBytes(isHalf ? toFloat32(found) : found.data, data)).toBe(true);
  }
  expect(pt).toMatchObject({ stride: [8, 16, 32], epoch: -1, format: "pytorch", skipped: [] });
  expect(pt.names?.slice(0, 2)).toEqual(["person", "bicycle"]);
  expect(pt.yaml).toMatchObject({ nc: 80, depth_multiple: 0.33, width_multiple: 0.25 });
  const parameters = [...pt.parameters!].reduce((n, name) => n + pt.tensors.get(name)!.data.length, 0);
  expect(parameters).toBe(1_872_157);
});

const equalBytes = (a: TypedArray, b: TypedArray) =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));

const samples = new Map<string, HostArray>(
  (Object.keys(bytesPerElement) as DType[]).map((dtype) => {
    const array = hostArray(dtype, [2, 3]);
    const one = dtype === "int64" ? 1n : dtype === "float16" ? 0x3c00 : dtype === "bfloat16" ? 0x3f80 : 1;
    for (let i = 1; i < 6; i += 2) array.data[i] = one;
    return [dtype, array];
  }),
);
samples.set("scalar", hostArray("int64", [], BigInt64Array.of(-(2n ** 40n))));
samples.set("empty", hostArray("float32", [0, 4]));
samples.set("Grüße", hostArray("float32", [1], Float32Array.of(0.1)));

test("a written .pt is read again, its data at multiples of 64 bytes", () => {
  const file = encodePt(samples);
  const read = parsePt(file);
  expect([...read.tensors.keys()]).toEqual([...samples.keys()]);
  for (const [name, tensor] of samples) expect(read.tensors.get(name)).toEqual(tensor);
  const member = Buffer.from(file).indexOf("archive/data/0");
  const extra = new DataView(file.buffer).getUint16(member - 2, true);
  expect((member + "archive/data/0".length + extra) % 64).toBe(0);
});

const python = "/usr/bin/python3";
const hasTorch = (() => {
  try {
    execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("no python3 with torch: the tests against PyTorch itself are skipped");
    return false;
  }
})();
const run = (code: string) => execFileSync(python, ["-c", code], { cwd: folder, encoding: "utf8" });

describe.skipIf(!hasTorch)("with PyTorch", () => {
  test("torch.load reads what we write", () => {
    writeFileSync(join(folder, "ours.pt"), encodePt(samples));
    const lines = run(`
import torch
for name, t in torch.load("ours.pt").items(): print(name.encode().hex(), str(t.dtype)[6:], list(t.shape), t.double().flatten().tolist(), sep="|")
`);
    const shown = [...samples].map(([name, tensor]) => {
      const values = Array.from(toFloat64(tensor));
      return `${Buffer.from(name).toString("hex")}|${tensor.dtype}|${JSON.stringify(tensor.shape)}|${JSON.stringify(values)}`;
    });
    expect(lines.trim().split("\n").map(tidy)).toEqual(shown);
  });

  // Python writes 1.0 and -1099511627776.0, and a space after a comma.
  const tidy = (line: string) => line.replaceAll(", ", ",").replaceAll(/\.0(?!\d)/g, "");

  test.each([true, false])("views, shared storages and nested checkpoints (zip: %s)", (zip) => {
    run(`
import torch, collections
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
w = torch.nn.Parameter(base[1])
state = collections.OrderedDict(base=base, row=base[1], t=base.permute(2, 0, 1), step=base[:, ::2, 1::2], wide=torch.ones(3, 1).expand(3, 5),
  bf=base.bfloat16()[0], w=w, scalar=torch.tensor(3.5), flag=torch.tensor([True, False]), none=torch.zeros(0, 2), big=torch.tensor([2**60 + 1]))
torch.save({"epoch": 4, "model": None, "ema": None, "state_dict": state, "names": {0: "a", 1: "b"}}, "views.pt", _use_new_zipfile_serialization=${zip ? "True" : "False"})
`);
    const { tensors, epoch, names } = parsePt(readFileSync(join(folder, "views.pt")));
    const values = (name: string) => Array.from(toFloat64(tensors.get(name)!));
    expect({ epoch, names }).toEqual({ epoch: 4, names: ["a", "b"] });
    expect(values("row")).toEqual([12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
    expect(tensors.get("t")?.shape).toEqual([4, 2, 3]);
    expect(values("t").slice(0, 8)).toEqual([0, 4, 8, 12, 16, 20, 1, 5]);
    expect(values("step")).toEqual([1, 3, 9, 11, 13, 15, 21, 23]);
    expect(values("wide")).toEqual(Array(15).fill(1));
    expect(values("bf")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(values("w")).toEqual(values("row"));
    expect([values("scalar"), values("flag"), values("none")]).toEqual([[3.5], [1, 0], []]);
    expect(tensors.get("big")?.data).toEqual(BigInt64Array.of(2n ** 60n + 1n));
  });

  test("a pickled module: ema before model, state_dict order, buffers that do not persist left out", () => {
    const expected = run(`
import torch, json
class Net(torch.nn.Module):
    def __init__(self, x):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
        self.scale = torch.nn.Parameter(torch.full((1,), x))
        self.register_buffer("kept", torch.ones(2)); self.register_buffer("gone", torch.ones(3), persistent=False)
        self.names = ["cat", "dog"]; self.yaml = {"nc": 2, "anchors": [[1, 2]]}; self.stride = torch.tensor([8.0, 16.0])
ema = Net(2.0)
torch.save({"model": Net(1.0), "ema": ema.half(), "best_fitness": 0.5}, "module.pt")
print(json.dumps(list(ema.state_dict())))
`);
    const pt = parsePt(readFileSync(join(folder, "module.pt")));
    expect([...pt.tensors.keys()]).toEqual(JSON.parse(expected));
    expect(toFloat32(pt.tensors.get("scale")!)).toEqual(Float32Array.of(2));
    expect(pt).toMatchObject({ names: ["cat", "dog"], yaml: { nc: 2, anchors: [[1, 2]] }, stride: [8, 16] });
    expect([...pt.parameters!]).toEqual(["scale", "body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias"]);
  });
});
