import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePicture, rng } from "swinyolo/data";
import { predict, train, val } from "swinyolo/engine";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { furthest, tiny, trained } from "../engine/tinyTraining.js";
import { hasSoftwareGpu } from "./software.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-webgpu-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasSoftwareGpu)("WebGPU", () => {
  test("steps whose state stays on the device give the CPU's losses and weights", async () => {
    const host = await trained("SGD", { device: "cpu", resident: false });
    const device = await trained("SGD", { device: "webgpu", resident: true });
    device.losses.forEach((value, i) => {
      expect(Math.abs(value / host.losses[i] - 1)).toBeLessThan(1e-3);
    });
    expect(furthest(device.state, host.state)).toBeLessThan(1e-3);
  });

  test("a run trains, validates and predicts as on the CPU", async () => {
    const data = await pictures();
    const cpu = await wholeRun(data, "cpu");
    const gpu = await wholeRun(data, "webgpu");
    expect(gpu.results).toHaveLength(cpu.results.length);
    gpu.results.forEach((value, i) => {
      expect(Math.abs(value - cpu.results[i])).toBeLessThanOrEqual(1e-3 * Math.max(Math.abs(cpu.results[i]), 0.01));
    });
    expect(gpu.map).toBeCloseTo(cpu.map, 3);
    expect(gpu.boxes.length).toBeGreaterThan(0);
    expect(gpu.boxes).toHaveLength(cpu.boxes.length);
    // Scores of an untrained net tie, so boxes are looked up, not counted off; none is suppressed.
    for (const box of gpu.boxes) {
      const nearest = Math.min(
        ...cpu.boxes.map((other) => Math.max(...box.map((value, i) => Math.abs(value - other[i])))),
      );
      expect(nearest).toBeLessThan(0.05);
    }
  });

  test.each([{}, { recompute: "block", sequential: 1 }] as const)(
    "a classifier trains as on the CPU: %j",
    async (way) => {
      const data = await classFolders();
      const model = {
        task: "classify",
        nc: 2,
        swinv2: { embed_dim: 16, depths: [1, 1], num_heads: [1, 2], window: 4 },
      };
      const yaml = join(folder, "swin.yaml");
      writeFileSync(yaml, stringify({ ...model, swinv2: { ...model.swinv2, img_size: 16 } }));
      const losses = async (device: string, options: object) => {
        const found: number[] = [];
        const common = { task: "classify", model: yaml, data, device, epochs: 2, batch: 2, workers: 0 } as const;
        for await (const event of train({ ...common, project: folder, noplots: true, ...options }))
          if (event.type === "epoch") found.push(event.loss, "valLoss" in event ? event.valLoss! : 0);
        return found;
      };
      const cpu = await losses("cpu", {});
      const gpu = await losses("webgpu", way);
      expect(gpu).toHaveLength(4);
      gpu.forEach((loss, i) => {
        expect(Math.abs(loss - cpu[i])).toBeLessThan(1e-4);
      });
    },
  );
});

// Classes are dark and bright noise.
async function classFolders(): Promise<string> {
  const data = join(folder, "classes");
  for (const [split, name, base] of [
    ["train", "dark", 0],
    ["train", "bright", 150],
    ["val", "dark", 20],
    ["val", "bright", 130],
  ] as const) {
    mkdirSync(join(data, split, name), { recursive: true });
    for (let i = 0; i < 2; i++) {
      const random = rng(split, name, i);
      const pixels = Uint8Array.from({ length: 20 * 20 * 3 }, () => base + random.int(100));
      writeFileSync(
        join(data, split, name, `${i}.png`),
        await encodePicture({ width: 20, height: 20, data: pixels }, "png"),
      );
    }
  }
  return data;
}

// Bright squares on noise, at the size that the detector of the first test was compiled for.
async function pictures(): Promise<string> {
  for (const split of ["train", "val"]) {
    mkdirSync(join(folder, "images", split), { recursive: true });
    mkdirSync(join(folder, "labels", split), { recursive: true });
    for (let i = 0; i < 4; i++) {
      const random = rng(split, i);
      const left = random.int(16);
      const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => {
        const [x, y] = [Math.floor(at / 3) % 32, Math.floor(at / 3 / 32)];
        return x >= left && x < left + 16 && y >= 8 && y < 24 ? 230 : random.int(120);
      });
      writeFileSync(
        join(folder, "images", split, `${i}.png`),
        await encodePicture({ width: 32, height: 32, data }, "png"),
      );
      writeFileSync(join(folder, "labels", split, `${i}.txt`), `${i % 2} ${(left + 8) / 32} 0.5 0.5 0.5\n`);
    }
  }
  writeFileSync(join(folder, "tiny.yaml"), stringify(tiny));
  const data = join(folder, "data.yaml");
  writeFileSync(data, "path: .\ntrain: images/train\nval: images/val\nnames: [a, b]\n");
  return data;
}

async function wholeRun(data: string, device: string) {
  const common = { data, device, imgsz: 32, batch: 2, project: folder };
  const settings = { model: join(folder, "tiny.yaml"), epochs: 1, workers: 0, noplots: true, noautoanchor: true };
  let run = "";
  for await (const event of train({ ...common, ...settings, name: device })) if (event.type === "end") run = event.run;
  const weights = join(run, "weights", "last.safetensors");
  const lines = readFileSync(join(run, "results.csv"), "utf8").trim().split("\n").slice(1);
  const { map } = await val({ ...common, weights, name: `${device}-val` });
  const boxes: number[][] = [];
  const source = join(folder, "images", "val");
  for await (const found of predict({
    weights,
    source,
    device,
    imgsz: 32,
    conf: 1e-4,
    iou: 1,
    project: folder,
    nosave: true,
  })) {
    for (const { xyxy, confidence } of found.detections) boxes.push([...xyxy, confidence]);
  }
  return { results: lines.flatMap((line) => line.split(",").map(Number)), map, boxes };
}
