import {
  add,
  compile,
  exp,
  graph,
  hostArray,
  input,
  mul,
  openModel,
  outputArrays,
  scalar,
  toOnnx,
} from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";

const x = input([3]);
const y = input([3]);
const g = graph({ x, y }, { sum: add(x, y), scaled: mul(x, scalar(2)) });
const numbers = (...data: number[]) => hostArray("float32", [data.length], Float32Array.from(data));
const feeds = new Map([
  ["x", numbers(1, 2, 3)],
  ["y", numbers(10, 20, 30)],
]);

describe("compile", () => {
  test("runs with host arrays, by name", async () => {
    const program = await compile(await runtime(), g);
    expect([[...program.inputs], [...program.outputs].sort()]).toEqual([
      ["x", "y"],
      ["scaled", "sum"],
    ]);
    const result = await program.run(feeds);
    expect(result.get("sum")).toEqual(numbers(11, 22, 33));
    expect(result.get("scaled")).toEqual(numbers(2, 4, 6));
    await program.release();
  });

  test("writes into the arrays it is given, so that two sets can be swapped", async () => {
    const program = await compile(await runtime(), graph({ x }, { next: exp(x) }));
    const sets = [outputArrays(graph({ x }, { next: exp(x) })), outputArrays(graph({ x }, { next: exp(x) }))];
    const buffers = sets.map((set) => set.get("next")!.data);
    let state = numbers(0, 0, 0);
    for (let i = 0; i < 3; i++) {
      const result = await program.run(new Map([["x", state]]), sets[i % 2]);
      expect(result.get("next")!.data).toBe(buffers[i % 2]);
      state = result.get("next")!;
    }
    expect(state.data[0]).toBeCloseTo(Math.exp(Math.exp(1)), 4);
    await program.release();
  });

  test("says what was not fed, and that `into` must be whole", async () => {
    const program = await compile(await runtime(), g);
    await expect(program.run(new Map([["x", numbers(1, 2, 3)]]))).rejects.toThrow("the graph's input y was not fed");
    await expect(program.run(feeds, new Map([["sum", numbers(0, 0, 0)]]))).rejects.toThrow(
      "`into` needs an array for every output",
    );
    await program.release();
  });

  test("gives the same bits every time with the same threads", async () => {
    const program = await compile(await runtime(), g, { threads: 2 });
    expect(await program.run(feeds)).toEqual(await program.run(feeds));
    await program.release();
  });

  test("says which devices there are when one is missing", async () => {
    await expect(openModel(await runtime(), toOnnx(g), { device: "tpu" })).rejects.toThrow(
      expect.objectContaining({
        name: "UserError",
        message: expect.stringMatching(/^device=tpu: ONNX Runtime here has .*cpu/),
      }),
    );
  });
});
