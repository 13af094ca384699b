import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClassifyGiven, train } from "swinyolo";
import { afterAll, expect, test } from "vitest";
import { hasShared, shared } from "../paths.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-flowers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Five classes: by chance a fifth is right.
test.skipIf(!hasShared).each<[string, number, Partial<ClassifyGiven<"train">>]>([
  ["swinv2-nano", 0.5, { epochs: 12 }],
  ["yolov5n-cls", 0.4, { epochs: 8, imgsz: 64, batch: 32 }],
])("%s tells at least %d of the flowers after a few epochs", async (model, least, options) => {
  let best = 0;
  for await (const event of train({
    task: "classify",
    model,
    data: shared("data", "flowers"),
    cache: "ram",
    noplots: true,
    project: folder,
    ...options,
  })) {
    if (event.type === "end") best = event.best.top1;
  }
  expect(best).toBeGreaterThan(least);
});
