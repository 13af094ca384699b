import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encodeSafetensors } from "swinyolo/engine";
import { type HostArray, hostArray, toFloat32 } from "swinyolo/graph";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { KindRunner } from "./cases.js";
import { discover } from "./fixtures.js";
import { runCase } from "./run.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "swinyolo-goldens-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const of = (...values: number[]) => hostArray("float32", [values.length], Float32Array.from(values));

function fixture(name: string, json: object | string, tensors?: Record<string, HostArray>): void {
  const file = join(folder, `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof json === "string" ? json : JSON.stringify(json));
  if (tensors) {
    const map = new Map(Object.entries(tensors));
    writeFileSync(join(folder, `${name}.safetensors`), encodeSafetensors(map));
  }
}

/** y = factor * x, through state `w` where there is one. */
const scale: KindRunner = (c) => {
  const w = c.state().get("w");
  const factor = w ? toFloat32(w)[0] : Number(c.args.factor);
  return { "eval.y": { ...c.array("x"), data: toFloat32(c.array("x")).map((v) => v * factor) }, twice: 2 * factor };
};

async function outcomes(runner: KindRunner = scale): Promise<Record<string, true | string[]>> {
  const entries: [string, true | string[]][] = [];
  for (const found of discover(folder)) {
    const { name, passed, problems } = await runCase(
      found,
      "kind" in found && found.kind !== "other" ? runner : undefined,
    );
    entries.push([name, passed || problems]);
  }
  return Object.fromEntries(entries);
}

const info = { tensors: { any: {} }, tolerance: { rule: "float" } };

test("a fixture: inputs, state and probe are not asked for, every other tensor is", async () => {
  const half = hostArray("float16", [1], Uint16Array.of(0x4000));
  const tensors = { x: of(1, 2), "state.w": half, probe: of(9), "eval.y": of(2, 4) };
  fixture("one", { kind: "scale", state: "one", inputs: { x: "x" }, ...info }, tensors);
  fixture(
    "sub/more",
    { kind: "scale", state: "one_state", inputs: { x: "x" }, ...info },
    { ...tensors, "eval.z": of(0) },
  );
  fixture("one_state", { kind: "other", ...info }, { w: half });
  fixture(
    "unused",
    { kind: "scale", args: { factor: 2 }, inputs: { x: "x" }, unused: ["eval.z"], ...info },
    {
      ...tensors,
      "eval.z": of(0),
    },
  );
  expect(await outcomes()).toEqual({
    one: true,
    one_state: ["no runner for other"],
    "sub/more": ["eval.z: missing from the results"],
    unused: true,
  });
});

test("cases take a key that they lack from the file", async () => {
  const cases = [
    { case: "a", kind: "scale", outputs: { "eval.y": "ya" }, expected: { twice: 4 } },
    { case: "b", kind: "scale", args: { factor: 3 }, outputs: { "eval.y": "yb" }, expected: { twice: 5 } },
    { case: "c", kind: "scale", tolerance: { rule: "exact" }, outputs: { "eval.y": "yb" } },
    { case: "d", kind: "scale" },
    { case: "e" },
  ];
  const common = { kind: "cases", args: { factor: 2 }, inputs: { x: "x" }, ...info };
  fixture("all", { ...common, cases }, { x: of(1), ya: of(2), yb: of(3) });
  expect(await outcomes()).toEqual({
    "all/a": true,
    "all/b": ["twice: 1 > 0 6, 5 expected"],
    "all/c": ["eval.y: 1 > 0 1 of 1 differ, first [0]: 2, 3 expected"],
    "all/d": [expect.stringContaining("nothing is asked for")],
    "all/e": ["no kind"],
  });
});

test("what cannot be interpreted fails by name", async () => {
  fixture("broken", "{");
  fixture("kindless", {});
  fixture("no_rule", { kind: "scale", args: { factor: 1 }, expected: { twice: 2 } });
  fixture(
    "odd_rule",
    {
      kind: "scale",
      args: { factor: 1 },
      expected: { twice: 2 },
      inputs: { x: "x" },
      tolerance: { rule: "odd" },
      tensors: { x: {} },
    },
    { x: of(1) },
  );
  fixture("no_tensor", { kind: "scale", inputs: { x: "z" }, args: { factor: 1 }, ...info }, { y: of(1) });
  writeFileSync(join(folder, "alone.safetensors"), encodeSafetensors(new Map()));
  const found = await outcomes();
  expect(found.alone).toEqual(["a file of tensors without its JSON"]);
  expect(found.broken).toEqual([expect.stringContaining("cannot be read")]);
  expect(found.kindless).toEqual(["cannot be read: no kind"]);
  expect(found.no_rule).toEqual([expect.stringContaining("no tolerance for twice")]);
  expect(found.odd_rule).toEqual(["twice: unknown rule odd"]);
  expect(found.no_tensor).toEqual([expect.stringContaining("no tensor z in the fixture")]);
});

test("hostile files: refusing names the file, crashing is a failure", async () => {
  const entry = (file: string, expectation: string, values?: object) => ({
    file: `pt/${file}`,
    kind: "hostile_pt",
    args: {},
    expect: expectation,
    tolerance: { rule: "exact" },
    values,
  });
  const files = [
    entry("read_good.pt", "accept", { x: [1] }),
    entry("read_wrong.pt", "accept", { x: [2] }),
    entry("refuse_good.pt", "accept"),
    entry("read_bad.pt", "reject"),
    entry("refuse_bad.pt", "reject"),
    entry("crash_bad.pt", "reject"),
    entry("silent_bad.pt", "reject"),
    entry("read_any.pt", "either"),
    entry("refuse_any.pt", "either"),
    entry("crash_any.pt", "either"),
  ];
  fixture("hostile/manifest", { kind: "hostile", files, expect: { accept: "" } });
  fixture("hostile/pt/no_fixture", "{");
  const user = (message: string) => Object.assign(new Error(message), { name: "UserError" });
  const found = await outcomes(({ file = "" }) => {
    if (file.includes("refuse")) throw user(`${file}: no`);
    if (file.includes("silent")) throw user("no");
    if (file.includes("crash")) throw new RangeError("offset is out of bounds");
    return { values: { x: [1] } };
  });
  expect(found).toEqual({
    "hostile/pt/read_good.pt": true,
    "hostile/pt/read_wrong.pt": ["values: 1 > 0 .x[0]: 1, 2 expected"],
    "hostile/pt/refuse_good.pt": [expect.stringContaining("refused: ")],
    "hostile/pt/read_bad.pt": ["accepted, to be refused"],
    "hostile/pt/refuse_bad.pt": true,
    "hostile/pt/crash_bad.pt": [expect.stringContaining("crashed: RangeError")],
    "hostile/pt/silent_bad.pt": ["refused without naming the file: no"],
    "hostile/pt/read_any.pt": true,
    "hostile/pt/refuse_any.pt": true,
    "hostile/pt/crash_any.pt": [expect.stringContaining("crashed: RangeError")],
  });
});
