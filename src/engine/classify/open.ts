import type { Fit } from "../../data/index.js";
import { type BlockDefinition, buildClassifier } from "../../nn/index.js";
import { type LoadedClassifier, openClassifier } from "../classifierModel.js";
import { fits } from "../config/classifyChoices.js";

/** A classifier, and what its weights say of how they were trained. */
export interface OpenedWeights extends LoadedClassifier {
  /** How pictures are fitted. */
  readonly fit?: Fit;
  /** The seed of the run, which a folder without train and val was split by. */
  readonly seed?: number;
}

export interface WeightsSource {
  /** A model YAML: a path, or the name of one that we ship. */
  readonly model?: string;
  /** Weights to take over; alone, they bring their model. */
  readonly weights?: string;
  /** Class names, instead of the file's. */
  readonly names?: readonly string[];
  /** Side of the pictures, instead of the one trained with or the model's. */
  readonly imgsz?: number;
  /** Sides of the windows, one or one a stage, instead of the model's. */
  readonly window?: readonly number[];
  readonly dropPath?: number;
  readonly extra?: readonly BlockDefinition[];
  /** Seed of fresh weights. */
  readonly seed?: number;
}

/**
 * A classifier for pictures of one size: from a YAML, from weights, or both.
 * @throws UserError as `openClassifier` does.
 */
export async function openWeights({ imgsz, window, ...source }: WeightsSource): Promise<OpenedWeights> {
  const imageSize = imgsz === undefined ? undefined : ([imgsz, imgsz] as const);
  const opened = await openClassifier({ ...source, imageSize, window: window?.length === 1 ? window[0] : window });
  const { fit, provenance, imgsz: trainedAt } = (opened.sidecar ?? {}) as Sidecar;
  const seed = provenance?.seed;
  const told = { fit: fits.find((one) => one === fit), ...(seed !== undefined && { seed: Number(seed) }) };
  const { model, yaml } = opened;
  // Rows take pictures of any size and do not say which.
  const other = imgsz === undefined && source.model === undefined && model.family === "yolov5" ? trainedAt : undefined;
  if (other === undefined) return { ...opened, ...told };
  const resized = buildClassifier(yaml, { imageSize: [other, other], nc: model.classes, extra: source.extra });
  return { ...opened, model: resized, ...told };
}

interface Sidecar {
  readonly fit?: unknown;
  readonly provenance?: { readonly seed?: string };
  readonly imgsz?: number;
}
