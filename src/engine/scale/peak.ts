import { type AttentionForm, type BlockCase, type BlockPlan, mergeKept, planBlock } from "./block.js";
import type { SwinStage } from "./network.js";

/** What is computed again on the way back: nothing, each block from its input, each stage from its input. */
export type RecomputeUnit = (typeof recomputeUnits)[number];

export const recomputeUnits = ["none", "block", "stage"] as const;

export interface PeakCase extends Omit<BlockCase, "attention"> {
  readonly recompute: RecomputeUnit;
  /** The first so many stages have their attention part by part. */
  readonly sequential: number;
  /** Whether the parts are kept (`loop`) or made again (`chunk`). */
  readonly form?: Exclude<AttentionForm, "whole">;
}

/** Activations of a whole network, in bytes. */
export interface PeakPlan {
  readonly peak: number;
  /** Where it is reached: stage and block, or after all. */
  readonly at: { readonly stage: number; readonly block: number } | "end";
  /** What is kept when the forward pass is over. */
  readonly kept: number;
  readonly stages: readonly BlockPlan[];
}

/** Walks through the stages with the sum of what is kept, and finds the most that is held at once. */
export function planActivations(stages: readonly SwinStage[], wanted: PeakCase): PeakPlan {
  const { batch, recompute, sequential, form = "chunk" } = wanted;
  const caseOf = (i: number): BlockCase => ({ ...wanted, attention: i < sequential ? form : "whole" });
  const blocks = stages.map((stage, i) => planBlock(stage, caseOf(i)));
  // The norm of the patches keeps its input.
  let held = 4 * batch * stages[0].side ** 2 * stages[0].dim;
  let [peak, at]: [number, PeakPlan["at"]] = [0, "end"];
  const reach = (bytes: number, place: PeakPlan["at"]) => {
    if (bytes > peak) [peak, at] = [bytes, place];
  };
  stages.forEach((stage, i) => {
    const { kept, input, peak: own } = blocks[i];
    if (recompute === "stage") held += input;
    for (let block = 0; block < stage.depth; block++) {
      // The way back through a stage begins when all its blocks are there again.
      const before = recompute === "stage" ? block * kept : 0;
      if (recompute === "block") held += input;
      reach(held + before + own, { stage: i, block });
      if (recompute === "none") held += kept;
    }
    if (stage.merges) held += mergeKept(stage, caseOf(i));
  });
  reach(held, "end");
  return { peak, at, kept: held, stages: blocks };
}
