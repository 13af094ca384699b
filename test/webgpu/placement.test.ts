import { findFallbacks, info } from "swinyolo/engine";
import { cast, graph, input, mul } from "swinyolo/graph";
import { describe, expect, test } from "vitest";
import { runtime } from "../runtime.js";
import { hasSoftwareGpu } from "./software.js";

describe.skipIf(!hasSoftwareGpu)("what WebGPU leaves to the CPU", () => {
  test("a cast from int64 is found", async () => {
    const [x, y] = [input([4], { dtype: "int64" }), input([4])];
    const found = await findFallbacks(await runtime(), graph({ x, y }, { z: mul(y, cast(x, "float32")) }), "webgpu");
    expect(found).toEqual([{ operator: "Cast", count: 1 }]);
  });

  for (const model of ["yolov5n", "yolov5n-swinv2", "yolov5s-transformer", "yolov5s-ghost", "yolov3-tiny"]) {
    test(`nothing of ${model}`, async () => {
      const { placement } = await info({ model, imgsz: 64, batch: 1, device: "webgpu" });
      expect(placement).toEqual({ device: "webgpu", inference: [], training: [] });
    });
  }
});
