import { graph, type HostArray, input, mul, scalar } from "../../graph/index.js";
import { type Classifier, crossEntropy, paramInputs } from "../../nn/index.js";
import type { TrainState } from "../training/state.js";
import { type Recompute, type StepGraph, type Steps, withGradients } from "../training/steps.js";

/** Normalised pictures [b, 3, h, w] and the shares of their classes [b, classes]. */
export interface ClassifyTrainBatch {
  readonly images: HostArray;
  readonly targets: HostArray;
}

export interface ClassifyGradientOptions {
  readonly steps: Steps;
  readonly recompute?: Recompute;
  /** Batches that a step averages over. */
  readonly accumulate: number;
}

/** Forward, cross entropy and backward of a classifier; gradients are added up in the state. Gives the mean loss. */
export function createClassifyGradients(model: Classifier, { steps, ...options }: ClassifyGradientOptions) {
  return {
    async run(state: TrainState, batch: ClassifyTrainBatch, { iteration }: { iteration: number }): Promise<number> {
      const { shape } = batch.images;
      const made = await steps.run(state, new Map(Object.entries(batch)), {
        key: shape.join("x"),
        iteration,
        graph: (learned) => classifyStepGraph(model, { learned, images: shape, ...options }),
      });
      return (made.get("mean")!.data as Float32Array)[0];
    },
  };
}

/** The whole step as one graph: `images`, `targets` and weights in; `mean` loss, gradients and the batch's statistics out. */
export function classifyStepGraph(
  model: Classifier,
  {
    learned,
    images: shape,
    accumulate,
    recompute,
  }: { learned: readonly string[]; images: readonly number[]; accumulate: number; recompute?: Recompute },
): StepGraph {
  const images = input(shape, { label: "images" });
  const targets = input([shape[0], model.classes], { label: "targets" });
  const mean = crossEntropy(model.module(images), targets);
  const inputs = new Map([...paramInputs(model.module), ["images", images], ["targets", targets]]);
  return withGradients(graph(inputs, { mean, loss: mul(mean, scalar(1 / accumulate)) }), learned, { recompute });
}
