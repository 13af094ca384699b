import { type DeviceCase, planDevice } from "./device.js";
import type { ZeroStage } from "./states.js";

/** The switches that trade time or traffic for memory. */
export type Switches = Pick<DeviceCase, "zero" | "recompute" | "sequential">;

const batches = 65_536;

/** The largest batch whose plan stays within so many bytes; 0 where one picture is too much. */
export function largestBatch(wanted: DeviceCase, bytes: number): number {
  const fits = (batch: number) => planDevice({ ...wanted, batch }).total <= bytes;
  if (!fits(1)) return 0;
  let [low, high] = [1, 2];
  while (high < batches && fits(high)) [low, high] = [high, 2 * high];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * The mildest switches, none milder than those given, with which the batch stays within so many bytes; undefined where
 * none do. Mild first: sharing the optimizer costs nothing, computing blocks again a third of the time, attention part by
 * part little beside that, sharing gradients nothing, sharing weights half as much traffic again.
 */
export function mildestSwitches(wanted: DeviceCase, bytes: number): Switches | undefined {
  return ladder(wanted).find((switches) => planDevice({ ...wanted, ...switches }).total <= bytes);
}

function ladder({ zero, recompute, sequential, devices, stages }: DeviceCase): Switches[] {
  const shares = (devices > 1 ? ([0, 1, 2, 3] as const) : ([0] as const)).filter((one) => one >= zero || devices === 1);
  const ways: { cost: number; switches: Switches }[] = [];
  for (const share of shares) {
    for (const how of recompute === "none" ? (["none", "block"] as const) : (["block"] as const)) {
      for (const parts of [sequential, 2, stages.length].filter((one) => one >= sequential)) {
        const switches = { zero: share as ZeroStage, recompute: how, sequential: parts };
        ways.push({ cost: costOf(switches), switches });
      }
    }
  }
  return ways.sort((a, b) => a.cost - b.cost).map(({ switches }) => switches);
}

const shareCost: Readonly<Record<ZeroStage, number>> = { 0: 0, 1: 0.1, 2: 0.2, 3: 50 };

const costOf = ({ zero, recompute, sequential }: Switches): number =>
  shareCost[zero] + (recompute === "none" ? 0 : 30) + 2 * sequential;
