import { graph, input, mul, scalar } from "../../graph/index.js";
import { type Classifier, crossEntropy, paramInputs } from "../../nn/index.js";
import { type Recompute, type StepGraph, withGradients } from "../training/steps.js";

/** How a step's graph is made. */
export interface StepOptions {
  /** Names of the parameters that get gradients. */
  readonly learned: readonly string[];
  /** Shape of the pictures. */
  readonly images: readonly number[];
  /** Batches that a step averages over. */
  readonly accumulate: number;
  readonly recompute?: Recompute;
}

/** The whole step as one graph: `images`, `targets` and weights in; `mean` loss, gradients and the batch's statistics out. */
export function classifyStepGraph(
  model: Classifier,
  { learned, images: shape, accumulate, recompute }: StepOptions,
): StepGraph {
  const images = input(shape, { label: "images" });
  const targets = input([shape[0], model.classes], { label: "targets" });
  const mean = crossEntropy(model.module(images), targets);
  const inputs = new Map([...paramInputs(model.module), ["images", images], ["targets", targets]]);
  return withGradients(graph(inputs, { mean, loss: mul(mean, scalar(1 / accumulate)) }), learned, { recompute });
}
