import type { HostArray } from "../../graph/index.js";
import type { Classifier } from "../../nn/index.js";
import { type ClassifierStepOptions, classifierStep } from "../training/classifierStep.js";
import type { TrainState } from "../training/state.js";
import type { Steps } from "../training/steps.js";

/** Normalised pictures [b, 3, h, w] and the shares of their classes [b, classes]. */
export interface ClassifyTrainBatch {
  readonly images: HostArray;
  readonly targets: HostArray;
}

export interface ClassifyGradientOptions extends Omit<ClassifierStepOptions, "batch" | "learned"> {
  readonly steps: Steps;
  /** Batches that a step averages over. */
  readonly accumulate: number;
}

/** Forward, cross entropy and backward of a classifier; gradients are added up in the state. Gives the mean loss. */
export function createClassifyGradients(model: Classifier, { steps, ...options }: ClassifyGradientOptions) {
  return {
    async run(state: TrainState, given: ClassifyTrainBatch, { iteration }: { iteration: number }): Promise<number> {
      const [batch] = given.images.shape;
      const made = await steps.run(state, new Map(Object.entries(given)), {
        key: String(batch),
        iteration,
        graph: (learned) => classifierStep(model, { batch, learned, ...options }),
      });
      return (made.get("loss")!.data as Float32Array)[0] * options.accumulate;
    },
  };
}
