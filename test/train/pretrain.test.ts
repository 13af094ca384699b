import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { train } from "swinyolo";
import { afterAll, expect, test } from "vitest";
import { hasShared, shared } from "../paths.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-simmim-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Who says nothing but 0, the mean of every surrounding, has a validation loss of .676.
test.skipIf(!hasShared)(
  "a small Swin learns what is hidden of flowers, on pictures that it was not shown too",
  async () => {
    const model = join(folder, "flowers.yaml");
    writeFileSync(
      model,
      "task: classify\nnc: 5\nswinv2: {embed_dim: 48, depths: [2, 2], num_heads: [3, 6], patch_size: 8, window: 8, img_size: 64, drop_path: 0.1}\n",
    );
    const losses: number[] = [];
    const data = shared("data", "flowers");
    const options = { epochs: 16, cache: "ram", threads: 1, noplots: true, project: folder } as const;
    for await (const event of train({ task: "pretrain", model, data, ...options })) {
      if (event.type === "epoch" && event.valLoss !== undefined) losses.push(event.valLoss);
    }
    expect(losses.at(-1)).toBeLessThan(0.672);
  },
);
