import { UserError } from "../../errors/index.js";
import { type Graph, graph, inParts, input, keepBoundaries, mul, scalar } from "../../graph/index.js";
import { type Classifier, crossEntropy, namedParams, type Part, paramInputs, type SwinConfig } from "../../nn/index.js";
import type { RecomputeUnit } from "../scale/index.js";
import { type StepGraph, withGradients } from "./steps.js";

/** What a classifier's step may save memory with. */
export interface SavingOptions {
  /**
   * What is computed again on the way back: nothing, each block (for rows of a YAML each row, so `row` says the same), each
   * stage from its input, or what is cheap between products.
   */
  readonly recompute?: RecomputeUnit | "row" | "cheap";
  /** The first so many stages have their attention part by part, each computed again on the way back. */
  readonly sequential?: number;
  /** Parts of such attention; one a head where left out. */
  readonly parts?: number;
}

export interface ClassifierStepOptions extends SavingOptions {
  readonly batch: number;
  /** Names of the parameters that get gradients; all where left out. */
  readonly learned?: readonly string[];
  /** Batches that an optimizer's step averages over. */
  readonly accumulate?: number;
  /** Mixed precision: one more input `scale`. */
  readonly half?: boolean;
}

/**
 * Forward, cross entropy and backward of a classifier as one graph: inputs `images` (normalised) [batch, channels, height,
 * width], `targets` [batch, classes], weights by name and `masks` of dropout; outputs `loss`, `grad.NAME` and `stats.NAME`.
 * With `accumulate` the loss and its gradients are a part of a mean. Whatever is saved, the numbers are the same to rounding.
 * @throws UserError when the classifier has no stages to save on.
 */
export function classifierStep(
  classifier: Classifier,
  { batch, learned = parameterNames(classifier), accumulate = 1, half = false, ...saving }: ClassifierStepOptions,
): StepGraph & Required<Pick<StepGraph, "open">> {
  const { module, channels, classes, imageSize } = classifier;
  const images = input([batch, channels, ...imageSize], { label: "images" });
  const targets = input([batch, classes], { label: "targets" });
  const logits = module(images);
  const mean = crossEntropy(logits, targets);
  const loss = accumulate === 1 ? mean : mul(mean, scalar(1 / accumulate));
  const plain = graph(new Map([...paramInputs(module), ["images", images], ["targets", targets]]), {
    loss,
    ...(half && { logits }),
  });
  return savingStep(plain, classifier, { learned, data: ["images", "targets"], network: half && "logits", ...saving });
}

export interface SavingStepOptions extends SavingOptions {
  readonly learned: readonly string[];
  /** Inputs that are data. */
  readonly data: readonly string[];
  /** Mixed precision: the output that the network gives to the loss. */
  readonly network?: string | false;
}

/**
 * A forward graph with an output `loss` as a step that saves memory; `classifier` is the network that is saved on.
 * @throws UserError as `savingForward` does.
 */
export function savingStep(
  forward: Graph,
  classifier: Classifier,
  { learned, data, network, ...saving }: SavingStepOptions,
): StepGraph & Required<Pick<StepGraph, "open">> {
  const { recompute = "none" } = saving;
  const step = withGradients(savingForward(forward, classifier, saving), learned, {
    recompute: recompute === "block" || recompute === "stage" ? "row" : recompute,
    ...(network && { half: { network: [network] } }),
  });
  return { ...step, open: [...data, ...step.masks.map(({ name }) => name)] };
}

/**
 * A classifier's forward graph made ready to save memory, before gradients are taken of it: attention in parts, and boundaries
 * only where `recompute` is to cut.
 * @throws UserError when the classifier has no stages, or fewer than asked for.
 */
export function savingForward(
  forward: Graph,
  classifier: Classifier,
  { recompute: unit = "none", sequential = 0, parts }: SavingOptions,
): Graph {
  if (sequential === 0 && unit !== "stage") return forward;
  const { depths, heads, attnDrop } = stagesOf(classifier);
  if (sequential > depths.length)
    throw new UserError(`sequential=${sequential}: the network has ${depths.length} stages`);
  if (sequential > 0 && attnDrop > 0)
    throw new UserError("sequential attention has no dropout of attention (attn_drop)");
  const stageOfBlock = depths.flatMap((depth, stage) => Array<number>(depth).fill(stage));
  const partsOf = (block: number) => {
    const stage = stageOfBlock[block];
    return stage < sequential ? (parts ?? heads[stage]) : 1;
  };
  const cut = sequential > 0 ? inParts(forward, partsOf) : forward;
  return unit === "stage" ? keepBoundaries(cut, atStages(depths)) : cut;
}

// A stage has a boundary before its first block and one behind each.
function atStages(depths: readonly number[]): (number: number) => boolean {
  const ends = new Set<number>();
  let next = 0;
  for (const depth of depths) {
    ends.add(next).add(next + depth);
    next += depth + 1;
  }
  return (number) => ends.has(number);
}

function stagesOf({ family, config }: Classifier): SwinConfig {
  if (family === "swinv2") return config as SwinConfig;
  throw new UserError(`a classifier of the family ${family} has no stages: recompute=none or block, and no sequential`);
}

/** Names of the parameters that learn where all do. */
export const parameterNames = ({ module }: { readonly module: Part }): string[] =>
  [...namedParams(module)].filter(([, { kind }]) => kind === "parameter").map(([name]) => name);
