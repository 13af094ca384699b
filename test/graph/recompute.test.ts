import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  add,
  batchNorm,
  boundary,
  compile,
  concat,
  conv,
  type Graph,
  grad,
  graph,
  hostArray,
  input,
  maxPool,
  nodes,
  planMemory,
  recompute,
  reduceMean,
  remake,
  silu,
  square,
  type Tensor,
  toFloat32,
} from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { distinct, once } from "./numeric.js";
import { nodesIn } from "./onnx-proto.js";
import { runningUpdates } from "./runningUpdates.js";

/** Four blocks of convolution, batch norm and SiLU, one of them reading two earlier ones, and a mean square over two heads. */
function step({ marked = true, size = 16, width = 8 } = {}) {
  const inputs = new Map<string, Tensor>([["x", input([2, 3, size, size])]]);
  const param = (name: string, shape: number[]) => {
    const tensor = input(shape, { label: name });
    inputs.set(name, tensor);
    return tensor;
  };
  const mark = (x: Tensor) => (marked ? boundary(x) : x);
  const block = (x: Tensor, name: string) => {
    const weight = param(`${name}.conv`, [width, x.shape[1], 3, 3]);
    const norm = ["weight", "bias", "mean", "variance"].map((part) => param(`${name}.${part}`, [width]));
    const [w, b, mean, variance] = norm;
    return silu(batchNorm(conv(x, weight, { pads: [1, 1, 1, 1] }), { weight: w, bias: b, mean, variance }));
  };
  const x0 = mark(inputs.get("x")!);
  const x1 = mark(block(x0, "a"));
  const x2 = mark(add(x1, block(block(x1, "b"), "c")));
  const x3 = mark(maxPool(block(x2, "d"), [3, 3], { strides: [1, 1], pads: [1, 1, 1, 1] }));
  const x4 = mark(block(concat([x3, x1], 1), "e"));
  const heads = [x3, x4].map((x, i) => conv(x, param(`head${i}`, [4, width, 1, 1])));
  const loss = heads.map((head) => reduceMean(square(head))).reduce(add);
  const learned = [...inputs.keys()].filter((name) => !/^x$|mean|variance/.test(name));
  const forward = graph(inputs, { loss });
  const outputs = new Map([["loss", loss]]);
  grad(
    loss,
    learned.map((name) => inputs.get(name)!),
  ).forEach((dw, i) => {
    outputs.set(`grad.${learned[i]}`, dw);
  });
  for (const [name, tensor] of runningUpdates(forward)) outputs.set(`stats.${name}`, tensor);
  return graph(inputs, outputs);
}

const feedsOf = (g: Graph) =>
  new Map(
    [...g.inputs].map(([name, { shape }], i) => [
      name,
      hostArray(
        "float32",
        shape,
        distinct(
          shape.reduce((n, d) => n * d, 1),
          i,
        ),
      ),
    ]),
  );

const count = (g: Graph, op: string) => nodes(g).filter((node) => node.op.name === op).length;

describe("recompute", () => {
  test("changes no number", async () => {
    const plain = step();
    const feeds = feedsOf(plain);
    const expected = await once(plain, feeds);
    for (const cheapOnly of [false, true]) {
      const got = await once(recompute(plain, { cheapOnly }), feeds);
      expect([...got.keys()]).toEqual([...expected.keys()]);
      for (const [name, array] of expected) {
        const reference = toFloat32(array);
        const largest = Math.max(...reference.map(Math.abs));
        toFloat32(got.get(name)!).forEach((value, i) => {
          expect(Math.abs(value - reference[i]), `${name}[${i}]`).toBeLessThanOrEqual(1e-6 * largest);
        });
      }
    }
  });

  test("computes the inside of blocks twice, heads and sums once", () => {
    const plain = step();
    expect(count(plain, "SiLU")).toBe(5);
    const again = recompute(plain);
    // 5 forward, 5 on the way back, in the rules of gradients as well.
    expect(count(again, "Conv") - count(recompute(step({ marked: false })), "Conv")).toBe(5);
    // cheapOnly keeps the results of convolutions.
    expect(count(recompute(plain, { cheapOnly: true }), "Conv")).toBe(
      count(recompute(step({ marked: false })), "Conv"),
    );
  });

  test("without boundaries nothing is computed again", () => {
    const plain = step({ marked: false });
    expect(planMemory(recompute(plain)).activations).toBe(planMemory(plain).activations);
  });

  test("ONNX Runtime leaves the second computation in its optimised model", async () => {
    const folder = mkdtempSync(join(tmpdir(), "swinyolo-"));
    const convolutions = async (g: Graph, name: string) => {
      const optimizedModelPath = join(folder, name);
      await (await compile(await runtime(), g, { optimizedModelPath })).release();
      return nodesIn(readFileSync(optimizedModelPath)).filter(({ opType }) => /Conv/.test(opType ?? "")).length;
    };
    const plain = step();
    const before = await convolutions(plain, "plain.onnx");
    const after = await convolutions(recompute(plain), "again.onnx");
    rmSync(folder, { recursive: true });
    expect(after - before).toBe(5);
  });

  test("saves planned memory", () => {
    const plain = step({ size: 64 });
    const kept = planMemory(plain).activations;
    const cheap = planMemory(recompute(plain, { cheapOnly: true })).activations;
    const least = planMemory(recompute(plain)).activations;
    expect(cheap).toBeLessThan(0.85 * kept);
    expect(least).toBeLessThan(0.7 * kept);
  });
});

describe("remake", () => {
  const remade = (g: Graph) => remake(g, { least: 0 });

  test("changes no number", async () => {
    const plain = step({ marked: false });
    const feeds = feedsOf(plain);
    const [expected, got] = [await once(plain, feeds), await once(remade(plain), feeds)];
    for (const [name, array] of expected) {
      const reference = toFloat32(array);
      const largest = Math.max(...reference.map(Math.abs));
      toFloat32(got.get(name)!).forEach((value, i) => {
        expect(Math.abs(value - reference[i]), `${name}[${i}]`).toBeLessThanOrEqual(1e-6 * largest);
      });
    }
  });

  test("saves planned memory, and leaves small values alone", () => {
    const plain = step({ size: 64 });
    const kept = planMemory(plain).activations;
    expect(planMemory(remade(plain)).activations).toBeLessThan(0.85 * kept);
    expect(planMemory(remake(plain)).activations).toBe(kept);
  });

  test("ONNX Runtime makes the sigmoid of SiLU a second time instead of keeping it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "swinyolo-"));
    const sigmoids = async (g: Graph, name: string) => {
      const optimizedModelPath = join(folder, name);
      await (await compile(await runtime(), g, { optimizedModelPath })).release();
      return nodesIn(readFileSync(optimizedModelPath)).filter(({ opType }) => /Sigmoid|QuickGelu/.test(opType ?? ""))
        .length;
    };
    const plain = step();
    const counts = [await sigmoids(plain, "plain.onnx"), await sigmoids(remade(plain), "again.onnx")];
    rmSync(folder, { recursive: true });
    expect(counts).toEqual([5, 10]);
  });
});
