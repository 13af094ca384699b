import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { train } from "swinyolo";
import { afterAll, expect, test } from "vitest";
import { hasShared, shared } from "../paths.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-overfit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.skipIf(!hasShared)("eight pictures of bccd are learned by heart in 400 steps", async () => {
  const images = join(folder, "images");
  mkdirSync(join(folder, "labels"), { recursive: true });
  mkdirSync(images, { recursive: true });
  for (const name of readdirSync(shared("data", "bccd", "images", "train"))
    .sort()
    .slice(0, 8)) {
    copyFileSync(shared("data", "bccd", "images", "train", name), join(images, name));
    const label = name.replace(/\.\w+$/, ".txt");
    copyFileSync(shared("data", "bccd", "labels", "train", label), join(folder, "labels", label));
  }
  const data = join(folder, "data.yaml");
  writeFileSync(data, "path: .\ntrain: images\nval: images\nnames: [RBC, WBC, Platelets]\n");
  let best = 0;
  const options = {
    imgsz: 320,
    batch: 8,
    nbs: 8,
    epochs: 400,
    warmup_epochs: 10,
    optimizer: "Adam",
    lr0: 0.002,
    momentum: 0.9,
    cls: 1,
    mosaic: 0,
    // Validation places pictures otherwise than training does; a little shifting keeps that from mattering.
    translate: 0.1,
    scale: 0.1,
    hsv_h: 0,
    hsv_s: 0,
    hsv_v: 0,
  } as const;
  for await (const e of train({
    model: "yolov5n-swinv2.yaml",
    data,
    ...options,
    patience: 0,
    preset: "none",
    noval: true,
    noplots: true,
    cache: "ram",
    project: folder,
  })) {
    if (e.type === "epoch" && e.map50 !== undefined) best = e.map50;
  }
  expect(best).toBeGreaterThan(0.95);
});
