import type { SwinStage } from "./network.js";
import { activationBytes, type Precision } from "./precision.js";

/**
 * How a block's logits are made: all at once; part by part with every part kept for the way back; part by part with each made
 * again on the way back.
 */
export type AttentionForm = "whole" | "loop" | "chunk";

export interface BlockCase {
  readonly batch: number;
  readonly precision: Precision;
  readonly attention: AttentionForm;
  /** Parts of attention in chunks; the number of heads where left out. */
  readonly parts?: number;
}

/** A block on its own, in bytes. */
export interface BlockPlan {
  /** What it keeps for the way back. */
  readonly kept: number;
  /** The most it takes on its way there and back, what it keeps included. */
  readonly peak: number;
  /** What is kept of it where it is computed again: its input. */
  readonly input: number;
  readonly tokens: number;
  /** Pairs of tokens, over all heads. */
  readonly logits: number;
}

/** Activations of a transformer block of a stage. */
export function planBlock(stage: SwinStage, { batch, precision, attention, parts }: BlockCase): BlockPlan {
  const { dim, heads, side, window } = stage;
  const { kept, moment, stream } = activationBytes[precision];
  const area = window ** 2;
  const tokens = batch * side ** 2;
  const logits = batch * (Math.ceil(side / window) * window) ** 2 * heads * area;
  const values = tokens * dim;
  const fixed =
    16 * tokens * heads +
    16 * tokens +
    kept.bias * heads * area ** 2 +
    kept.hidden * 512 * (2 * window - 1) ** 2 +
    kept.weight * dim ** 2;
  const plan = (keep: number, peak: number): BlockPlan => ({
    kept: keep,
    peak,
    input: stream * values,
    tokens,
    logits,
  });
  if (attention === "chunk") {
    const own = kept.channel * values + fixed;
    const part = (16 * logits) / (parts ?? heads);
    return plan(own, own + moment.mlp * values + part + 16 * heads * area ** 2);
  }
  const own = kept.channel * values + kept.logit * logits + fixed;
  // At its worst the way back through softmax holds about four tensors of logits.
  const inMlp = own + moment.mlp * values;
  const whole = 16 * logits + moment.attention * values + fixed;
  const loop = kept.logit * logits + moment.loop * values + fixed;
  return plan(own, attention === "whole" ? Math.max(inMlp, whole) : loop);
}

/** What the merging of channels behind a stage keeps: the input of its product and that of its norm. */
export const mergeKept = ({ dim, side }: SwinStage, { batch, precision }: BlockCase): number =>
  batch * side ** 2 * dim * (activationBytes[precision].input + 2);
