import type { SwinStage } from "./network.js";

/** What attention keeps beside its weights, in bytes. */
export interface BufferPlan {
  /** Masks of shifted windows, one a shifted block as the reference stores them, or one a stage. */
  readonly masks: number;
  readonly sharedMasks: number;
  /** Indices into the position bias (int64), one a block or one for each size of window. */
  readonly indices: number;
  readonly sharedIndices: number;
}

/** Masks and indices of all stages; they depend on neither the batch nor the precision. */
export function planBuffers(stages: readonly SwinStage[]): BufferPlan {
  const sum = (bytes: (stage: SwinStage) => number) => stages.reduce((total, stage) => total + bytes(stage), 0);
  const mask = ({ side, window }: SwinStage) => (side > window ? Math.ceil(side / window) ** 2 * window ** 4 * 4 : 0);
  const index = ({ window }: SwinStage) => 8 * window ** 4;
  return {
    masks: sum((stage) => Math.floor(stage.depth / 2) * mask(stage)),
    sharedMasks: sum((stage) => (stage.depth > 1 ? mask(stage) : 0)),
    indices: sum((stage) => stage.depth * index(stage)),
    sharedIndices: [...new Map(stages.map((stage) => [stage.window, index(stage)])).values()].reduce((a, b) => a + b),
  };
}
