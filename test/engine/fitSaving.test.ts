import { fitSaving, type SavingCase } from "swinyolo/engine";
import { buildSwinClassifier } from "swinyolo/nn";
import { describe, expect, test } from "vitest";

const small = { embedDim: 16, depths: [1, 1], heads: [1, 2], window: 4, imageSize: 32 };
const network = buildSwinClassifier(small);
// Bytes: a picture 100 MB, computed again 60 MB, and 10 MB less for each stage with attention in parts.
const estimate = ({ batch, recompute, sequential = 0 }: SavingCase): number =>
  batch * 1e6 * ((recompute === "none" ? 100 : 60) - 10 * sequential);
const settings = { device: "cpu", batch: 8, accumulate: 1, recompute: "auto", sequential: 0 } as const;
const fitted = (memory: number, more: Partial<Parameters<typeof fitSaving>[0]> = {}) =>
  fitSaving({ ...settings, memory: memory * 1e6, ...more }, { network, estimate });

describe("recompute=auto", () => {
  test.each([
    [800, "none", 0],
    [799, "block", 0],
    [479, "block", 1],
    [399, "block", 2],
  ])("within %d MB is recompute=%s sequential=%d", (memory, recompute, sequential) => {
    const { settings: found, message } = fitted(memory);
    expect(found).toMatchObject({ recompute, sequential });
    expect(message).toMatch(
      new RegExp(`^memory: recompute=${recompute} sequential=${sequential} takes about \\d+ MB of ${memory} MB$`),
    );
  });

  test("leaves attention whole where it has dropout, and elsewhere than on the CPU all as it was", () => {
    const dropping = buildSwinClassifier({ ...small, attnDrop: 0.1 });
    expect(() => fitSaving({ ...settings, memory: 479e6 }, { network: dropping, estimate })).toThrow(
      "training with batch=8 recompute=block sequential=0 takes about 480 MB, memory= is 479 MB; what would do: memory=490MB, batch=4 accumulate=2",
    );
    const elsewhere = fitted(1, { device: "webgpu" });
    expect([elsewhere.settings.recompute, elsewhere.message]).toEqual(["none", undefined]);
  });
});

test("what was asked for stays, and an error names what would fit", () => {
  expect(fitted(480, { recompute: "block" })).toMatchObject({
    settings: { recompute: "block", sequential: 0 },
    message: "memory: takes about 480 MB of 480 MB",
  });
  expect(() => fitted(479, { recompute: "none" })).toThrow(
    "training with batch=8 recompute=none sequential=0 takes about 800 MB, memory= is 479 MB; what would do: memory=816MB, recompute=block sequential=1, batch=4 accumulate=2",
  );
});
