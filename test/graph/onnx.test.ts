import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onnx } from "onnx-proto";
import {
  add,
  conv,
  floats,
  type Graph,
  graph,
  hostArray,
  input,
  matMul,
  mul,
  openModel,
  relu,
  scalar,
  toOnnx,
} from "swinyolo/graph";
import { afterAll, describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { distinct, graphsOf, once } from "./numeric.js";
import { cases } from "./table.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-onnx-"));
afterAll(() => rmSync(folder, { recursive: true }));

function small(): Graph {
  const x = input([1, 3, 8, 8]);
  const y = relu(
    conv(x, floats(distinct(4 * 27, 1), [4, 3, 3, 3]), { pads: [1, 1, 1, 1], bias: floats([1, 2, 3, 4]) }),
  );
  return graph({ images: x }, { output: y, twice: mul(y, scalar(2)) });
}

describe("toOnnx, read by onnx-proto", () => {
  test("says versions, metadata, types and free axes", () => {
    const free = { 0: "batch" };
    const bytes = toOnnx(small(), {
      metadata: { stride: "32", names: '["a","ä"]' },
      freeAxes: { images: free, output: free },
      name: "net",
    });
    const model = onnx.ModelProto.decode(bytes);
    expect([Number(model.irVersion), model.producerName]).toEqual([8, "swinyolo"]);
    expect(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([["", 17]]);
    expect(Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]))).toEqual({
      stride: "32",
      names: '["a","ä"]',
    });
    expect(model.graph!.name).toBe("net");
    const dims = (value: onnx.IValueInfoProto) =>
      value.type!.tensorType!.shape!.dim!.map((d) => d.dimParam || Number(d.dimValue));
    expect(model.graph!.input!.map(dims)).toEqual([["batch", 3, 8, 8]]);
    expect(model.graph!.output!.map(dims)).toEqual([
      ["batch", 4, 8, 8],
      [1, 4, 8, 8],
    ]);
    expect(model.graph!.node!.map(({ opType }) => opType)).toEqual(["Conv", "Relu", "Mul"]);
  });

  // Lengths of one, two, three and four bytes; text beyond ASCII at its start, its end, and where the buffer has to grow.
  test("keeps text and constants of any length", () => {
    const texts = ["", "ä", "a".repeat(127), "a".repeat(128), `${"a".repeat(16383)}ü`, `${"é".repeat(30000)}😀`];
    const metadata = Object.fromEntries(texts.map((text, i) => [`key${i}`, text]));
    const sizes = [1, 31, 32, 4096, 600_000];
    const x = input([1]);
    const outputs = sizes.map((n) => [`y${n}`, add(x, floats(distinct(n, n), [n]))] as const);
    const model = onnx.ModelProto.decode(toOnnx(graph({ x }, Object.fromEntries(outputs)), { metadata }));
    expect(model.metadataProps.map(({ value }) => value)).toEqual(texts);
    const written = model.graph!.initializer!.map(({ rawData }) => Buffer.from(rawData!)).reverse();
    expect(written.map(({ length }) => length / 4)).toEqual(sizes);
    written.forEach((bytes, i) => {
      expect(bytes.equals(Buffer.from(distinct(sizes[i], sizes[i]).buffer))).toBe(true);
    });
  });

  test("gives an output that is an input, a constant or an output already a node of its own", async () => {
    const x = input([2]);
    const y = add(x, scalar(1));
    const g = graph({ x }, { y, again: y, same: x, fixed: floats([5, 6]) });
    const result = await once(g, new Map([["x", hostArray("float32", [2], Float32Array.of(1, 2))]]));
    expect([...result].map(([name, { data }]) => [name, ...data])).toEqual([
      ["y", 2, 3],
      ["again", 2, 3],
      ["same", 1, 2],
      ["fixed", 5, 6],
    ]);
  });

  test("puts results that nobody reads last, the first of them at the very end: ONNX Runtime runs that one first", () => {
    const x = input([2]);
    const a = relu(x);
    const first = add(a, scalar(1));
    const b = mul(a, scalar(2));
    const second = add(b, scalar(3));
    const { graph: file } = onnx.ModelProto.decode(toOnnx(graph({ x }, { first, second })));
    expect(file!.node!.map(({ output }) => output![0].replace(/_.*/, ""))).toEqual(["Relu", "Mul", "second", "first"]);
  });

  test("refuses an output that is called what an input is called", () => {
    const x = input([2]);
    expect(() => toOnnx(graph({ x }, { x: relu(x) }))).toThrow("an input and an output of a graph are both called x");
  });
});

describe("external data", () => {
  test("goes to a file beside the model that ONNX Runtime finds", async () => {
    const x = input([1, 64]);
    const [large, little] = [floats(distinct(64 * 64, 1), [64, 64]), floats([1, 2, 3, 4], [4])];
    const second = floats(distinct(64 * 4, 2), [64, 4]);
    const g = graph({ x }, { y: add(matMul(matMul(x, large), second), little) });
    const parts: Uint8Array[] = [];
    const bytes = toOnnx(g, { external: { location: "net.onnx.data", write: (part) => parts.push(part.slice()) } });
    const path = join(folder, "net.onnx");
    writeFileSync(path, bytes);
    writeFileSync(join(folder, "net.onnx.data"), Buffer.concat(parts));
    // Two matrices outside, four numbers inside.
    expect(Buffer.concat(parts).length).toBe(4 * (64 * 64 + 64 * 4));
    expect(bytes.length).toBeLessThan(1500);
    const feeds = new Map([["x", hostArray("float32", [1, 64], distinct(64, 3))]]);
    const program = await openModel(await runtime(), path);
    const fromFiles = await program.run(feeds);
    await program.release();
    expect(fromFiles.get("y")!.data).toEqual((await once(g, feeds)).get("y")!.data);
  });
});

const python = "/usr/bin/python3";
const hasPython = spawnSync(python, ["-c", "import onnx"]).status === 0;
if (!hasPython) console.warn("python3-onnx is absent: files are not checked by it");

describe.skipIf(!hasPython)("Debian's python3-onnx", () => {
  // Checks the file and compares the shapes it infers for outputs with ours, wherever it infers one.
  const script = `
import onnx, sys
from onnx import shape_inference
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
ours = {o.name: [d.dim_value for d in o.type.tensor_type.shape.dim] for o in model.graph.output}
for o in model.graph.output: o.type.tensor_type.ClearField("shape")
inferred = shape_inference.infer_shapes(model, strict_mode=True)
known = wrong = 0
for o in inferred.graph.output:
    dims = o.type.tensor_type.shape.dim
    if not o.type.tensor_type.HasField("shape") or any(not d.HasField("dim_value") for d in dims): continue
    known += 1
    if [d.dim_value for d in dims] != ours[o.name]: print("wrong", o.name, [d.dim_value for d in dims], ours[o.name])
print("known", known, "of", len(ours))
`;

  test.each([
    ["forward", "forward"],
    ["gradients", "backward"],
  ] as const)("accepts the %s of every operator and infers our shapes", (_, part) => {
    const path = join(folder, `${part}.onnx`);
    writeFileSync(path, toOnnx(graphsOf(cases)[part]));
    const { status, stdout, stderr } = spawnSync(python, ["-c", script, path], { encoding: "utf8" });
    expect(stderr.split("\n").slice(-3).join(" ")).toBe("");
    expect(status).toBe(0);
    expect(stdout.split("\n").filter((line) => line.startsWith("wrong"))).toEqual([]);
    const [, known, all] = /known (\d+) of (\d+)/.exec(stdout)!.map(Number);
    expect(known).toBeGreaterThan(0.9 * all);
  });

  test("accepts external data", () => {
    const { status, stderr } = spawnSync(
      python,
      ["-c", "import onnx,sys; onnx.checker.check_model(sys.argv[1], full_check=True)", join(folder, "net.onnx")],
      { encoding: "utf8" },
    );
    expect([status, stderr]).toEqual([0, ""]);
    expect(readFileSync(join(folder, "net.onnx")).length).toBeLessThan(1500);
  });
});
