import { planSession } from "../../graph/index.js";
import { type DetectionModel, momentsOf, namedParams, type OptimizerKind } from "../../nn/index.js";
import { forwardGraph } from "../inference/forward.js";
import { stepGraph } from "./step.js";
import type { Recompute } from "./steps.js";

/** Where a training process's memory goes at its peak, in bytes. */
export interface MemoryEstimate {
  /** Node, this package, ONNX Runtime and the sessions' own records. */
  readonly process: number;
  /** Weights as loaded, and the state: weights, averages, moments, gradients and their sums. */
  readonly state: number;
  /** Activations and gradients of a step, as ONNX Runtime lays them out. */
  readonly step: number;
  /** Pictures of batches that are under way from the loader. */
  readonly batches: number;
  /** The forward pass of validation with twice the batch, beside the step's memory, which stays. */
  readonly validation: number;
  /** Until the first validation. */
  readonly training: number;
  readonly total: number;
}

export interface MemoryCase {
  readonly model: DetectionModel;
  readonly batch: number;
  readonly imgsz: readonly [height: number, width: number];
  readonly optimizer?: OptimizerKind;
  readonly recompute?: Recompute;
  /** Threads that load pictures. */
  readonly workers?: number;
}

/**
 * Bytes resident once everything is imported and the optimizer's programs are open; measured, as `perNode`, with Node 20 and
 * onnxruntime-node 1.30.0 on Linux.
 */
export const started = 105e6;
/** Bytes for a node of a step's graph: as objects here, as ONNX bytes and in the session. */
export const perNode = 16e3;

/** ONNX Runtime's arena takes 2 to 9 % more than planned: its own fusions change lifetimes, some kernels take scratch memory. */
export const arenaSlack = 1.06;

/** What training takes at its peak, planned without running anything. */
export function estimateTraining(wanted: MemoryCase): MemoryEstimate {
  const { model, batch, imgsz, optimizer = "SGD", recompute = "none", workers = 0 } = wanted;
  const parameters = [...namedParams(model.module)].filter(([, { kind }]) => kind === "parameter");
  const bytes = parameters.reduce((sum, [, { tensor }]) => sum + tensor.shape.reduce((n, d) => n * d, 4), 0);
  const images = [batch, model.ch, ...imgsz];
  const { graph, open } = planningStep(model, images, recompute);
  const planned = planSession(graph, { open });
  const process = started + perNode * planned.nodes;
  const state = bytes * (1 + 2 + momentsOf(optimizer).length + 2);
  const step = planned.touched * arenaSlack;
  const batches = (workers > 0 ? workers + 2 : 1) * images.reduce((n, d) => n * d, 1);
  const forward = planSession(forwardGraph(model, [2 * batch, model.ch, ...imgsz], { maps: true }));
  const validation = forward.touched * arenaSlack + bytes;
  const training = process + state + step + batches;
  return { process, state, step, batches, validation, training, total: training + validation };
}

/** The step as memory is planned for: room for 256 targets a level, all parameters learning. */
export function planningStep(model: DetectionModel, images: readonly number[], recompute: Recompute) {
  const learned = [...namedParams(model.module)].filter(([, { kind }]) => kind === "parameter").map(([name]) => name);
  const loss = { box: 1, obj: 1, cls: 1, obj_pw: 1, cls_pw: 1, fl_gamma: 0, label_smoothing: 0 };
  return stepGraph({ model, learned, images, capacity: 256, options: { loss, anchorT: 4, recompute } });
}
