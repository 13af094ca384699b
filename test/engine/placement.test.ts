import { findFallbacks } from "swinyolo/engine";
import { add, graph, input, type Runtime, scalar } from "swinyolo/graph";
import { expect, test } from "vitest";
import { runtime } from "../runtime.js";

test("a device that is listed but cannot be used is one line", async () => {
  const { Tensor } = await runtime();
  const broken: Runtime = {
    Tensor,
    listSupportedBackends: () => [{ name: "cpu" }, { name: "webgpu" }],
    InferenceSession: { create: () => Promise.reject(new Error("context.cc:1 status was false. No adapter\nmore")) },
  };
  const x = input([2]);
  await expect(findFallbacks(broken, graph({ x }, { y: add(x, scalar(1)) }), "webgpu")).rejects.toThrow(
    /^device=webgpu cannot be used here: No adapter; device=cpu runs everywhere$/,
  );
});
