import { formatReport, transfer, type Wanted } from "swinyolo/engine";
import { type DType, elements, type HostArray, hostArray } from "swinyolo/graph";
import { expect, test } from "vitest";

const ones = (dtype: DType, ...shape: number[]): HostArray =>
  hostArray(dtype, shape, dtype === "float16" ? new Uint16Array(elements(shape)).fill(0x3c00) : undefined);

const want = (...shape: number[]): Wanted => ({ dtype: "float32", shape });

const source = new Map<string, HostArray>([
  ["model.0.conv.weight", ones("float16", 16, 3, 6, 6)],
  ["model.0.bn.num_batches_tracked", ones("int64")],
  ["model.1.conv.weight", ones("float32", 32, 16, 3, 3)],
  ["model.24.anchors", ones("float32", 3, 3, 2)],
  ["model.24.m.0.weight", ones("float32", 255, 64, 1, 1)],
  ...[0, 1, 2, 3].map((i): [string, HostArray] => [`model.30.${i}.weight`, ones("float32", 1)]),
]);

const target = new Map<string, Wanted>([
  ["model.0.conv.weight", want(16, 3, 6, 6)],
  ["model.1.conv.weight", want(32, 16, 3, 3)],
  ["model.6.m.blocks.0.attn.logit_scale", want(4, 1, 1)],
  ["model.6.m.blocks.0.attn.relative_coords_table", want(1, 13, 13, 2)],
  ["model.24.anchors", want(3, 3, 2)],
  ["model.24.m.0.weight", want(24, 64, 1, 1)],
]);

test("tensors go over by name and shape, as the type of the model", () => {
  const { tensors, report } = transfer(source, target, { exclude: ["anchor"] });
  expect([...tensors.keys()]).toEqual(["model.0.conv.weight", "model.1.conv.weight"]);
  expect(tensors.get("model.0.conv.weight")).toMatchObject({ dtype: "float32", shape: [16, 3, 6, 6] });
  expect(tensors.get("model.0.conv.weight")?.data[5]).toBe(1);
  expect(formatReport(report, { most: 3 })).toMatchInlineSnapshot(`
    "Transferred 2/5 tensors
      1 resized, so they start anew (file -> model):
        model.24.m.0.weight [255, 64, 1, 1] -> [24, 64, 1, 1]
      1 missing from the file, so they start anew:
        model.6.m.blocks.0.attn.logit_scale
      1 left out on demand:
        model.24.anchors
      4 unused, the model has no such tensor:
        model.30.0.weight
        model.30.1.weight
        model.30.2.weight
        ... and 1 more"
  `);
});

test("all of it", () => {
  const all = new Map([...source].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
  expect(formatReport(transfer(source, all).report)).toBe("Transferred 9/9 tensors");
});
