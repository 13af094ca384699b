import { expect, test } from "vitest";
import { furthest, trained } from "./tinyTraining.js";

for (const kind of ["SGD", "AdamW"] as const) {
  test(`${kind}: state that stays on the device goes the way of state on the host`, async () => {
    // After one step of Adam, weights without influence go either way, as rounding has it.
    const count = kind === "SGD" ? 4 : 2;
    const host = await trained(kind, { device: "cpu", resident: false, batches: count });
    const device = await trained(kind, { device: "cpu", resident: true, batches: count });
    device.losses.forEach((value, i) => {
      expect(Math.abs(value / host.losses[i] - 1)).toBeLessThan(1e-4);
    });
    expect(furthest(device.state, host.state)).toBeLessThan(1e-4);
  });
}
