import { onnx } from "onnx-proto";
import {
  add,
  and,
  cast,
  conv,
  equal,
  floats,
  fromOnnx,
  gather,
  gatherNd,
  graph,
  greater,
  greaterOrEqual,
  hostArray,
  importGraph,
  input,
  ints,
  isNan,
  less,
  matMul,
  not,
  type OnnxModel,
  printGraph,
  relu,
  reshape,
  scalar,
  scatter,
  selectBoxes,
  toOnnx,
} from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { distinct, graphsOf, once } from "./numeric.js";
import { cases } from "./table.js";

const isUserError = (error: unknown): boolean => error instanceof Error && error.name === "UserError";

function net() {
  const x = input([1, 3, 4, 4]);
  const y = relu(conv(x, { ...floats(distinct(54, 1), [2, 3, 3, 3]), label: "conv.weight" }, { bias: floats([1, 2]) }));
  return graph({ images: x }, { output: reshape(y, [1, -1]) });
}

const bytes = toOnnx(net(), {
  metadata: { stride: "32", names: '["cat"]' },
  freeAxes: { images: { 0: "batch", 2: "h" } },
});

describe("a file of ours", () => {
  test("says what is in it", () => {
    const model = fromOnnx(bytes, { name: "net.onnx" });
    expect([model.irVersion, model.producer, model.opset.get("")]).toEqual([8, "swinyolo", 17]);
    expect(model.metadata).toEqual({ stride: "32", names: '["cat"]' });
    expect(model.inputs).toEqual([{ name: "images", dtype: "float32", shape: ["batch", 3, "h", 4] }]);
    expect(model.outputs).toEqual([{ name: "output", dtype: "float32", shape: [1, 8] }]);
    expect(model.nodes.map(({ type }) => type)).toEqual(["Conv", "Relu", "Reshape"]);
    expect(Object.fromEntries(model.nodes[0].attributes)).toEqual({
      strides: [1, 1],
      pads: [0, 0, 0, 0],
      dilations: [1, 1],
      group: 1,
      kernel_shape: [3, 3],
    });
    const weight = model.initializers.get("conv.weight")!;
    expect([weight.dtype, weight.shape]).toEqual(["float32", [2, 3, 3, 3]]);
    expect(weight.read().data).toEqual(distinct(54, 1));
  });

  test("comes back as a graph, free axes by the sizes given", () => {
    expect(printGraph(importGraph(fromOnnx(bytes), { sizes: { batch: 1, h: 4 } }))).toBe(printGraph(net()));
    expect(() => importGraph(fromOnnx(bytes, { name: "net.onnx" }), { sizes: { batch: 1 } })).toThrow(
      "net.onnx: input images leaves axis 2 (h) free; its size is needed",
    );
  });

  test.each(["forward", "backward"] as const)("with every operator runs to the same numbers: %s", async (part) => {
    const { [part]: g, feeds } = graphsOf(cases);
    const expected = await once(g, feeds);
    const got = await once(importGraph(fromOnnx(toOnnx(g))), feeds);
    expect([...got.keys()]).toEqual([...expected.keys()]);
    for (const [name, array] of expected)
      expect(got.get(name), `${name} ${cases[Number(name.split(".")[1])].name}`).toEqual(array);
  });

  test("and with the operators that have no gradient", async () => {
    const x = input([2, 3]);
    const [low, high] = [greater(x, scalar(0)), less(x, scalar(0.5))];
    const rows = scatter(x, ints([1, 0, 1, 0, 1, 0], [2, 3]), add(x, scalar(1)));
    const boxes = floats([1, 1, 2, 2, 1, 1, 2, 2, 5, 5, 2, 2], [1, 3, 4]);
    const kept = selectBoxes(boxes, reshape(gather(x, ints([0])), [1, 1, 3]), { most: 3, iou: 0.5, score: -9 });
    const g = graph(
      { x },
      {
        both: cast(and(low, not(high)), "float32"),
        odd: cast(isNan(x), "uint8"),
        same: equal(x, x),
        least: greaterOrEqual(x, scalar(0)),
        rows,
        kept,
        picked: gatherNd(boxes, ints([0, 1, 0, 2], [2, 2])),
      },
    );
    const feeds = new Map([["x", hostArray("float32", [2, 3], distinct(6, 1))]]);
    const expected = await once(g, feeds);
    expect(expected.get("kept")!.shape[0]).toBeLessThan(3);
    expect(await once(importGraph(fromOnnx(toOnnx(g))), feeds)).toEqual(expected);
  });

  test("gives its numbers from a file beside it", () => {
    const parts: Uint8Array[] = [];
    const w = floats(distinct(1024, 1), [4, 256]);
    const x = input([1, 4]);
    const main = toOnnx(graph({ x }, { y: add(matMul(x, w), floats(distinct(256, 2))) }), {
      external: { location: "net.data", write: (part) => parts.push(part.slice()) },
    });
    const beside = Buffer.concat(parts);
    const asked: unknown[] = [];
    const model = fromOnnx(main, {
      external: (location, { offset, length }) => {
        asked.push([location, offset, length]);
        return beside.subarray(offset, offset + length);
      },
    });
    expect([...model.initializers.values()].map((tensor) => tensor.read().data)).toEqual([
      w.value!.data,
      distinct(256, 2),
    ]);
    expect(asked).toEqual([
      ["net.data", 0, 4096],
      ["net.data", 4096, 1024],
    ]);
    const [tensor] = fromOnnx(main, { name: "net.onnx" }).initializers.values();
    expect(() => tensor.read()).toThrow(
      /net\.onnx: tensor \S+: its numbers are in the file net\.data beside the model/,
    );
  });
});

/** A model of one initializer, as another writer would make it. */
function withTensor(tensor: onnx.ITensorProto, more: onnx.IGraphProto = {}): OnnxModel {
  const model = {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: { initializer: [{ name: "t", ...tensor }], ...more },
  };
  return fromOnnx(onnx.ModelProto.encode(model).finish(), { name: "odd.onnx" });
}
const read = (tensor: onnx.ITensorProto) => withTensor(tensor).initializers.get("t")!.read();

describe("a file of others", () => {
  test("may keep numbers in lists instead of raw bytes", () => {
    expect(read({ dims: [2], dataType: 1, floatData: [1.5, -2] }).data).toEqual(Float32Array.of(1.5, -2));
    expect(read({ dims: [2], dataType: 7, int64Data: [3, -4] }).data).toEqual(BigInt64Array.of(3n, -4n));
    expect(read({ dims: [2], dataType: 6, int32Data: [3, -4] }).data).toEqual(Int32Array.of(3, -4));
    expect(read({ dims: [1], dataType: 10, int32Data: [0x3c00] }).data).toEqual(Uint16Array.of(0x3c00));
    expect(read({ dims: [], dataType: 11, doubleData: [0.1] }).data).toEqual(Float64Array.of(0.1));
    expect(read({ dims: [0], dataType: 1 }).data).toEqual(new Float32Array());
  });

  test("may list initializers among the inputs, and use operators and types we do not have", () => {
    const value = (name: string, elemType: number) => ({ name, type: { tensorType: { elemType } } });
    const model = withTensor(
      { dims: [1], dataType: 8 },
      {
        input: [value("x", 1), value("t", 8)],
        node: [{ opType: "Einsum", input: ["x"], output: ["y"] }],
        output: [value("y", 1)],
      },
    );
    expect(model.inputs).toEqual([{ name: "x", dtype: "float32", shape: [] }]);
    expect(model.nodes[0].type).toBe("Einsum");
    expect(() => importGraph(model)).toThrow("odd.onnx: node y: the operator Einsum is not one we have");
    expect(() => model.initializers.get("t")!.read()).toThrow(
      "odd.onnx: tensor t: its type (number 8) is not one we use",
    );
  });
});

describe("a bad file", () => {
  test.each([
    ["empty", new Uint8Array()],
    ["text", new TextEncoder().encode("<!DOCTYPE html><html>not a model</html>")],
    ["zeros", new Uint8Array(1000)],
    ["ones", new Uint8Array(1000).fill(255)],
    ["a zip", Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0, 0, 0)],
    ["a graph within graphs, 2,000 deep and cut off", new Uint8Array(4000).map((_, i) => (i % 2 ? 0x7f : 0x3a))],
  ])("%s: one line that names it", (_, junk) => {
    expect(() => fromOnnx(junk, { name: "junk.onnx" })).toThrow(
      expect.objectContaining({
        name: "UserError",
        message: expect.stringMatching(/^junk\.onnx: not a readable ONNX file: [^\n]+$/),
      }),
    );
  });

  test("cut off anywhere, or with any byte changed, is read or refused with a UserError", () => {
    const tryAll = (data: Uint8Array) => {
      try {
        const model = fromOnnx(data, { name: "cut.onnx" });
        for (const tensor of model.initializers.values()) tensor.read();
        importGraph(model, { sizes: { batch: 1, h: 4 } });
        return "read";
      } catch (error) {
        if (!isUserError(error)) throw error;
        expect((error as Error).message).toMatch(/^cut\.onnx: /);
        return "refused";
      }
    };
    const seen = { read: 0, refused: 0 };
    for (let length = 0; length < bytes.length; length++) seen[tryAll(bytes.subarray(0, length))]++;
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const changed = bytes.slice();
        changed[at] ^= flip;
        seen[tryAll(changed)]++;
      }
    }
    expect(seen.refused).toBeGreaterThan(bytes.length);
    expect(seen.read).toBeGreaterThan(0);
  });

  test("with shapes that do not fit its numbers is refused before memory is taken", () => {
    const raw = new Uint8Array(4);
    for (const dims of [[2], [2 ** 40], [2 ** 40, 2 ** 40, 2 ** 40], [-1]]) {
      expect(() => read({ dims, dataType: 1, rawData: raw })).toThrow(
        /^odd\.onnx: tensor t: it (has 4 bytes, its shape needs|cannot have the shape)/,
      );
      expect(() => read({ dims, dataType: 1, floatData: [1] })).toThrow(
        /^odd\.onnx: tensor t: it (has 1 numbers, its shape needs|cannot have the shape)/,
      );
    }
  });

  test("with graphs inside graphs is not followed down", () => {
    let inner = new Uint8Array();
    const nest = (field: number, body: Uint8Array) => {
      const length: number[] = [];
      for (let n = body.length; length.push((n & 127) | (n > 127 ? 128 : 0)) && n > 127; n >>>= 7);
      return Uint8Array.from([field * 8 + 2, ...length, ...body]);
    };
    // Graph { node { attribute { g { node { ... } } } } }
    for (let i = 0; i < 1000; i++) inner = nest(1, nest(5, nest(6, inner)));
    const file = Uint8Array.from([8, 8, ...nest(7, inner), ...nest(8, Uint8Array.of(16, 17))]);
    expect(fromOnnx(file).nodes.length).toBe(1);
  });

  test("of millions of empty parts is refused", () => {
    const body = new Uint8Array(3_000_000).map((_, i) => (i % 2 ? 0 : 10)); // empty nodes
    const head = Uint8Array.of(8, 8, 66, 2, 16, 17, 58, 0xc0, 0x8d, 0xb7, 1);
    const file = new Uint8Array(head.length + body.length);
    file.set(head);
    file.set(body, head.length);
    expect(() => fromOnnx(file, { name: "bomb.onnx" })).toThrow(
      "bomb.onnx: not a readable ONNX file: it has more than 1000000 parts",
    );
  });

  test.each(["../secret", "/etc/passwd", "a/../../b", "C:\\x", "a\\b", "", "a//b", "./../x", "x\0y"])(
    "that keeps its numbers in %j is refused",
    (location) => {
      const entries = [
        { key: "location", value: location },
        { key: "length", value: "4" },
      ];
      const model = {
        irVersion: 8,
        opsetImport: [{ version: 17 }],
        graph: { initializer: [{ name: "t", dims: [1], dataType: 1, externalData: entries, dataLocation: 1 }] },
      };
      let asked = 0;
      const external = () => {
        asked++;
        return new Uint8Array(4);
      };
      const { initializers } = fromOnnx(onnx.ModelProto.encode(model).finish(), { name: "odd.onnx", external });
      expect(() => initializers.get("t")!.read()).toThrow(/^odd\.onnx: tensor t: its numbers are said to be in/);
      expect(asked).toBe(0);
    },
  );
});
