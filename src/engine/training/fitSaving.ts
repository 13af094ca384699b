import { UserError } from "../../errors/index.js";
import { type Classifier, isSwin } from "../../nn/index.js";
import { availableMemory } from "../machineMemory.js";
import type { SavingOptions } from "./classifierStep.js";
import { gigabytes } from "./fit.js";

/** What a run says of its memory. */
export interface SavingSettings extends Pick<SavingOptions, "sequential"> {
  readonly device: string;
  readonly batch: number;
  readonly accumulate: number;
  /** Bytes that training may take; the machine's where left out. */
  readonly memory?: number;
  readonly recompute: SavingOptions["recompute"] | "auto";
}

/** What decides a run's memory. */
export type SavingCase = Pick<SavingOptions, "recompute" | "sequential"> & { readonly batch: number };

export interface SavingNetwork {
  /** What is saved on. */
  readonly network: Classifier;
  /** Bytes that a run takes. */
  readonly estimate: (wanted: SavingCase) => number;
}

/** Settings in which nothing is left to choose. */
export type Settled<S extends SavingSettings> = S & { readonly recompute: Exclude<S["recompute"], "auto"> };

/**
 * Plans what a run on the CPU takes before anything is compiled: `recompute=auto` becomes the mildest way that fits; a line
 * about it where `memory` or a way was asked for. Elsewhere than on the CPU another memory counts, which is not planned.
 * @throws UserError when it is more than `memory`, or the machine has: the estimate, the limit, and what would fit.
 */
export function fitSaving<S extends SavingSettings>(
  settings: S,
  { network, estimate }: SavingNetwork,
): { settings: Settled<S>; message?: string } {
  const { device, memory, batch, sequential = 0 } = settings;
  const auto = settings.recompute === "auto";
  const asked = (auto ? "none" : settings.recompute) as SavingOptions["recompute"];
  const settled = (way: Way) => ({ ...settings, ...way }) as Settled<S>;
  const first: Way = { recompute: asked, sequential };
  if (device !== "cpu") return { settings: settled(first) };
  const limit = memory ?? availableMemory();
  const ways = auto ? [first, ...waysBeyond(network, first)] : [first];
  for (const way of ways) {
    const bytes = estimate({ batch, ...way });
    if (bytes > limit) continue;
    const what = `takes about ${gigabytes(bytes)} of ${gigabytes(limit)}`;
    const message = auto ? `memory: ${words(way)} ${what}` : memory === undefined ? undefined : `memory: ${what}`;
    return { settings: settled(way), message };
  }
  throw new UserError(tooLarge(ways[ways.length - 1], { settings, limit, network, estimate }));
}

type Way = Pick<SavingOptions, "recompute" | "sequential">;

const words = ({ recompute, sequential }: Way): string => `recompute=${recompute} sequential=${sequential}`;

// Ways that take less memory and more time than this one, the quickest first.
function waysBeyond(network: Classifier, { recompute, sequential = 0 }: Way): Way[] {
  const units: Way[] = recompute === "block" || recompute === "row" ? [] : [{ recompute: "block", sequential }];
  if (!isSwin(network) || network.config.attnDrop > 0) return units;
  const { depths } = network.config;
  const stages = Array.from({ length: Math.max(depths.length - sequential, 0) }, (_, i) => sequential + i + 1);
  return [...units, ...stages.map((more): Way => ({ recompute: "block", sequential: more }))];
}

interface TooLarge extends SavingNetwork {
  readonly settings: SavingSettings;
  readonly limit: number;
}

// With the first way to compute again that fits, and the largest part of the batch.
function tooLarge(way: Way, { settings, limit, network, estimate }: TooLarge): string {
  const { batch, accumulate, memory } = settings;
  const total = estimate({ batch, ...way });
  const fits = (change: Partial<SavingCase>) => estimate({ batch, ...way, ...change }) <= limit;
  const again = waysBeyond(network, way).find(fits);
  const part = [2, 4, 8, 16, 32].find((one) => batch % one === 0 && fits({ batch: batch / one }));
  const ways = [
    `memory=${gigabytes(total * 1.02).replace(" ", "")}`,
    ...(again ? [words(again)] : []),
    ...(part ? [`batch=${batch / part} accumulate=${accumulate * part}`] : []),
  ];
  const source = memory === undefined ? "the memory available" : "memory=";
  return `training with batch=${batch} ${words(way)} takes about ${gigabytes(total)}, ${source} is ${gigabytes(limit)}; what would do: ${ways.join(", ")}`;
}
