import { type Graph, planSession, type Tensor } from "../../graph/index.js";
import { type Classifier, momentsOf, namedParams, type OptimizerKind, type Part } from "../../nn/index.js";
import { classifyGraph } from "../classify/forward.js";
import { classifierStep, type SavingOptions } from "./classifierStep.js";
import { arenaSlack, perNode, started } from "./memory.js";
import type { StepGraph } from "./steps.js";

/** Where the memory of training on whole pictures goes at its peak, in bytes. */
export interface ClassifierMemory {
  /** Node, this package, ONNX Runtime and the session's own records. */
  readonly process: number;
  /** Weights as loaded, and the state: weights, averages, moments, gradients and their sums. */
  readonly state: number;
  /** Activations and gradients of a step, as ONNX Runtime lays them out. */
  readonly step: number;
  /** Pictures of batches that are under way from the loader, and what else a step is fed. */
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
  const { classifier, batch, optimizer, workers, ...saving } = wanted;
  const shape = [batch, classifier.channels, ...classifier.imageSize];
  return estimatePictures(classifier.module, {
    step: classifierStep(classifier, { batch, ...saving }),
    validation: classifyGraph(classifier, shape),
    optimizer,
    workers,
  });
}

export interface PictureMemoryCase extends Pick<ClassifierMemoryCase, "optimizer" | "workers"> {
  /** With an input `images`. */
  readonly step: StepGraph;
  readonly validation: Graph;
}

/** The same for any task on whole pictures. */
export function estimatePictures(
  module: Part,
  { step: { graph, open = [] }, validation: forward, optimizer = "AdamW", workers = 0 }: PictureMemoryCase,
): ClassifierMemory {
  const parameters = [...namedParams(module)].filter(([, { kind }]) => kind === "parameter");
  const bytes = parameters.reduce((sum, [, { tensor }]) => sum + bytesOf(tensor), 0);
  const planned = planSession(graph, { open });
  const process = started + perNode * planned.nodes;
  const state = bytes * (1 + 2 + momentsOf(optimizer).length + 2);
  const step = planned.touched * arenaSlack;
  const fed = open.reduce((sum, name) => sum + bytesOf(graph.inputs.get(name)!), 0);
  // The loader is ahead with pictures; what else is fed is made for each step.
  const batches = (workers > 0 ? workers + 1 : 0) * bytesOf(graph.inputs.get("images")!) + fed;
  const validation = planSession(forward).touched * arenaSlack + bytes;
  const training = process + state + step + batches;
  return { process, state, step, batches, validation, training, total: training + validation };
}

const bytesOf = ({ shape }: Pick<Tensor, "shape">): number => shape.reduce((n, d) => n * d, 4);
