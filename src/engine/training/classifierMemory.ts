import { planSession } from "../../graph/index.js";
import { type Classifier, momentsOf, namedParams, type OptimizerKind } from "../../nn/index.js";
import { classifyGraph } from "../classify/forward.js";
import { classifierStep, type SavingOptions } from "./classifierStep.js";
import { arenaSlack, perNode, started } from "./memory.js";

/** Where the memory of a classifier's training goes at its peak, in bytes. */
export interface ClassifierMemory {
  /** Node, this package, ONNX Runtime and the session's own records. */
  readonly process: number;
  /** Weights as loaded, and the state: weights, averages, moments, gradients and their sums. */
  readonly state: number;
  /** Activations and gradients of a step, as ONNX Runtime lays them out. */
  readonly step: number;
  /** Pictures of batches that are under way from the loader. */
  readonly batches: number;
  /** The forward pass of validation, beside the step's memory, which stays. */
  readonly validation: number;
  /** Until the first validation. */
  readonly training: number;
  readonly total: number;
}

export interface ClassifierMemoryCase extends SavingOptions {
  readonly classifier: Classifier;
  readonly batch: number;
  readonly optimizer?: OptimizerKind;
  /** Threads that load pictures. */
  readonly workers?: number;
}

/** What training a classifier on this machine's CPU takes, planned from the graph that would run. */
export function estimateClassifier(wanted: ClassifierMemoryCase): ClassifierMemory {
  const { classifier, batch, optimizer = "AdamW", workers = 0, ...saving } = wanted;
  const parameters = [...namedParams(classifier.module)].filter(([, { kind }]) => kind === "parameter");
  const bytes = parameters.reduce((sum, [, { tensor }]) => sum + tensor.shape.reduce((n, d) => n * d, 4), 0);
  const { graph, open } = classifierStep(classifier, { batch, ...saving });
  const planned = planSession(graph, { open });
  const process = started + perNode * planned.nodes;
  const state = bytes * (1 + 2 + momentsOf(optimizer).length + 2);
  const step = planned.touched * arenaSlack;
  const shape = [batch, classifier.channels, ...classifier.imageSize];
  const batches = (workers > 0 ? workers + 2 : 1) * shape.reduce((n, d) => n * d, 4);
  const validation = planSession(classifyGraph(classifier, shape)).touched * arenaSlack + bytes;
  const training = process + state + step + batches;
  return { process, state, step, batches, validation, training, total: training + validation };
}
