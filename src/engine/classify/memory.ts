import { UserError } from "../../errors/index.js";
import type { Classifier, SwinConfig } from "../../nn/index.js";
import { type ClassifierMemoryCase, estimateClassifier } from "../training/classifierMemory.js";
import { availableMemory, gigabytes } from "../training/fit.js";
import { loadersOf } from "../training/settings.js";
import type { ClassifySettings } from "./settings.js";

/**
 * Plans what a run on the CPU takes before anything is compiled; gives a line about it where `memory` was asked for. Elsewhere
 * than on the CPU another memory counts, which is not planned.
 * @throws UserError when it is more than `memory`, or the machine has: the estimate, the limit, and what would fit.
 */
export function checkMemory(classifier: Classifier, settings: ClassifySettings): string | undefined {
  const { device, memory, batch, optimizer, recompute, sequential, accumulate } = settings;
  if (device !== "cpu") return undefined;
  const wanted = { classifier, batch, optimizer, recompute, sequential, workers: loadersOf(settings) };
  const { total } = estimateClassifier(wanted);
  const limit = memory ?? availableMemory();
  if (total <= limit)
    return memory === undefined ? undefined : `memory: takes about ${gigabytes(total)} of ${gigabytes(memory)}`;
  const source = memory === undefined ? "the memory available" : "memory=";
  const ways = [`memory=${gigabytes(total * 1.02).replace(" ", "")}`, ...thatFit(wanted, { limit, accumulate })];
  throw new UserError(
    `training with batch=${batch} recompute=${recompute} sequential=${sequential} takes about ${gigabytes(total)}, ${source} is ${gigabytes(limit)}; what would do: ${ways.join(", ")}`,
  );
}

// The first way to compute again that fits, and the largest part of the batch.
function thatFit(wanted: ClassifierMemoryCase, { limit, accumulate }: { limit: number; accumulate: number }): string[] {
  const fits = (change: Partial<ClassifierMemoryCase>) => estimateClassifier({ ...wanted, ...change }).total <= limit;
  const again = waysOf(wanted).find(fits);
  const parts = [2, 4, 8, 16, 32].filter((part) => wanted.batch % part === 0);
  const part = parts.find((one) => fits({ batch: wanted.batch / one }));
  return [
    ...(again
      ? [
          Object.entries(again)
            .map(([key, value]) => `${key}=${value}`)
            .join(" "),
        ]
      : []),
    ...(part ? [`batch=${wanted.batch / part} accumulate=${accumulate * part}`] : []),
  ];
}

type Way = Pick<ClassifierMemoryCase, "recompute" | "sequential">;

function waysOf({ classifier, recompute = "none", sequential = 0 }: ClassifierMemoryCase): Way[] {
  if (classifier.family !== "swinv2") return recompute === "none" ? [{ recompute: "block" }] : [];
  const { depths } = classifier.config as SwinConfig;
  const units: Way[] = recompute === "none" ? [{ recompute: "stage" }, { recompute: "block" }] : [];
  const stages = Array.from({ length: depths.length - sequential }, (_, i) => sequential + i + 1);
  return [...units, ...stages.map((more): Way => ({ recompute: "block", sequential: more }))];
}
