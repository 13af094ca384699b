import { plan } from "swinyolo/engine";
import { describe, expect, test } from "vitest";

const paper = { model: "swinv2-g", imgsz: 1536, devices: 8, zero: 1, precision: "p16", recompute: "block" } as const;

describe("plan", () => {
  test("the paper's network fits 40 GiB with all three switches, and not without the last", async () => {
    const fits = await plan({ ...paper, sequential: 2, memory: "40GiB" });
    expect(fits.within).toEqual({ memory: 40 * 2 ** 30, fits: true, batch: 1, switches: undefined });
    expect(fits.activations.at).toEqual({ stage: 2, block: 41 });
    const { within } = await plan({ ...paper, memory: "40GiB" });
    expect(within).toMatchObject({ fits: false, batch: 0, switches: { zero: 1, recompute: "block", sequential: 2 } });
  });

  test("the reserve counts", async () => {
    const { total } = await plan({ ...paper, sequential: 2 });
    const fits = async (memory: number, reserve: string) =>
      (await plan({ ...paper, sequential: 2, memory: String(memory), reserve })).within?.fits;
    expect(await fits(total + 1e9, "1GB")).toBe(true);
    expect(await fits(total + 1e9, "1.1GB")).toBe(false);
  });

  test("attention part by part with its parts kept takes more than it saves in small windows, and a note says so", async () => {
    const { notes } = await plan({
      model: "swinv2-t",
      imgsz: 192,
      recompute: "block",
      sequential: 2,
      attention: "loop",
    });
    expect(notes).toEqual(["sequential attention saves nothing here: windows are too small for logits to matter"]);
  });

  test("a classifier's YAML is planned as its variant", async () => {
    const [file, name] = await Promise.all([plan({ model: "swinv2-t.yaml" }), plan({ model: "swinv2-t" })]);
    expect({ ...file, model: "swinv2-t" }).toEqual(name);
  });

  test("with trace, this machine's CPU is planned from the graph that would run", async () => {
    const trace = async (recompute: "none" | "block") =>
      (await plan({ model: "swinv2-t", imgsz: 128, window: "4", nc: 10, recompute, trace: true })).here!;
    const [none, block] = [await trace("none"), await trace("block")];
    // Weights as loaded and twice, two moments, gradients twice.
    expect(none.state).toBe(7 * 4 * (27578154 + 7690));
    expect(block.state).toBe(none.state);
    expect(block.step).toBeLessThan(0.6 * none.step);
    expect(none.training).toBe(none.process + none.state + none.step + none.batches);
  });

  test("sharing on one device and stages computed again get a note", async () => {
    const { notes } = await plan({ model: "swinv2-s", zero: 1, recompute: "stage" });
    expect(notes.map((note) => note.split(/[:;]| shares/)[0])).toEqual(["zero=1", "recompute=block takes less"]);
  });

  test.each([
    [{}, "model expected: model=swinv2-t"],
    [{ model: "swinv2-x" }, /^model=swinv2-x: .*did you mean "swinv2-t"\?/],
    [{ model: "swinv2-t", imgsz: 100 }, "imgsz=100: a multiple of 32 expected"],
    [{ model: "swinv2-t", sequential: 5 }, "sequential=5: the network has 4 stages"],
    [{ model: "swinv2-t", window: "8,8" }, "window=8,8: one side of a window expected, or one for each of 4 stages"],
    [{ model: "swinv2-t", zero: 4 }, "zero=4: expected a whole number from 0 to 3"],
  ])("%j is refused", async (given, message) => {
    await expect(plan(given)).rejects.toThrow(message);
  });
});
