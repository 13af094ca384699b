import { type ClassBatch, drawMask, localNorm, type Rng } from "../../data/index.js";
import { type Graph, graph, type HostArray, hostArray, inference, input, mul, scalar } from "../../graph/index.js";
import { maskedLoss, paramInputs, type Simmim } from "../../nn/index.js";
import { parameterNames, type SavingOptions, savingStep } from "../training/classifierStep.js";
import type { StepGraph } from "../training/steps.js";
import type { PretrainSettings } from "./settings.js";

/** What a network is told besides pictures: what is hidden of them [b, h / patch, w / patch], and what it should make. */
export type Hidden = Readonly<Record<"mask" | "target", HostArray>>;

/** Masks and targets of a batch; `rngOf` gives the random numbers of one of its pictures. */
export function hide(
  { images, shape, sources }: ClassBatch,
  { mask_patch, mask_ratio, norm_target }: Pick<PretrainSettings, "mask_patch" | "mask_ratio" | "norm_target">,
  { patch, rngOf }: { patch: number; rngOf: (index: number) => Rng },
): Hidden {
  const [b, , height, width] = shape;
  const options = { cell: mask_patch, ratio: mask_ratio, patch };
  const masks = sources.map(({ index }) => drawMask({ width, height }, options, rngOf(index)));
  const mask = hostArray("float32", [b, height / patch, width / patch]);
  for (const [i, one] of masks.entries()) (mask.data as Float32Array).set(one, i * one.length);
  const target = norm_target > 0 ? localNorm(images, { width, height }, norm_target) : images;
  return { mask, target: hostArray("float32", shape, target) };
}

/** How a step's graph is made. */
export interface StepOptions extends SavingOptions {
  /** Names of the parameters that get gradients; all where left out. */
  readonly learned?: readonly string[];
  /** Shape of the pictures. */
  readonly images: readonly number[];
  /** Batches that a step averages over. */
  readonly accumulate?: number;
  /** Mixed precision: one more input `scale`. */
  readonly half?: boolean;
}

/**
 * The whole step as one graph: `images`, `mask`, `target` and weights in; loss (by `accumulate`) and gradients out. Whatever is
 * saved, the numbers are the same to rounding.
 * @throws UserError as `savingForward` does.
 */
export function pretrainStepGraph(
  model: Simmim,
  { learned = parameterNames(model), images, accumulate = 1, half = false, ...saving }: StepOptions,
): StepGraph {
  const { inputs, made, loss } = traced(model, images);
  const forward = graph(inputs, { loss: mul(loss, scalar(1 / accumulate)), ...(half && { made }) });
  const data = ["images", "mask", "target"];
  return savingStep(forward, model.encoder, { learned, data, network: half && "made", ...saving });
}

/** The same without a step: `loss` and the pictures `made`, as used; weights are inputs. */
export function reconstructGraph(model: Simmim, shape: readonly number[]): Graph {
  const { inputs, made, loss } = traced(model, shape);
  return inference(graph(inputs, { made, loss }));
}

function traced(model: Simmim, shape: readonly number[]) {
  const [b, , height, width] = shape;
  const images = input(shape, { label: "images" });
  const mask = input([b, height / model.patch, width / model.patch], { label: "mask" });
  const target = input(shape, { label: "target" });
  const made = model.module(images, mask);
  const own = { images, mask, target };
  const inputs = new Map([...paramInputs(model.module), ...Object.entries(own)]);
  return { inputs, made, loss: maskedLoss(made, target, mask) };
}
