import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { train } from "swinyolo";
import { afterAll, expect, test } from "vitest";
import { hasShared, shared } from "../paths.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-simmim-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Targets have mean 0 and deviation 1 around every place: who says nothing has a loss of about 0.8.
test.skipIf(!hasShared)(
  "swinv2-nano learns what is hidden of the flowers, on pictures that it was not shown too",
  async () => {
    const losses: number[] = [];
    for await (const event of train({
      task: "pretrain",
      model: "swinv2-nano",
      data: shared("data", "flowers"),
      epochs: 10,
      cache: "ram",
      noplots: true,
      project: folder,
    })) {
      if (event.type === "epoch" && event.valLoss !== undefined) losses.push(event.valLoss);
    }
    expect(losses.at(-1)).toBeLessThan(0.97 * losses[0]);
  },
);
