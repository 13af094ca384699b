import { UserError } from "../../errors/index.js";
import type { BlockDefinition } from "../../nn/index.js";
import { holdsClassifier } from "../classifierModel.js";
import type { Options } from "../config/index.js";
import { type ClassifyChanges, transferClassifier } from "./classifier.js";
import { type DetectChanges, transferDetector } from "./detector.js";

export type { ClassifyChanges } from "./classifier.js";
export type { DetectChanges } from "./detector.js";

/** What was written, and how it differs from what it was made of. */
export interface Transferred {
  readonly task: "classify" | "detect";
  readonly file: string;
  /** Side of the pictures before and after. */
  readonly imgsz: readonly [from: number, to: number];
  readonly windows: readonly WindowChange[];
  /** How outputs changed on the given pictures. */
  readonly classify?: ClassifyChanges;
  readonly detect?: DetectChanges;
}

/** The windows of one stage or row. */
export interface WindowChange {
  /** `stage 0`, or `row 6 (SwinV2_CSPB)`. */
  readonly place: string;
  readonly from: number;
  readonly to: number;
  /** The side that the position bias was trained with, and is computed in the scale of. */
  readonly trained: number;
}

export interface TransferContext {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface TransferSettings extends Omit<Options<"transfer">, "json" | "plugin"> {
  readonly extra?: readonly BlockDefinition[];
}

/**
 * Writes a checkpoint for other windows and pictures.
 * @throws UserError when nothing is to change, or the model has no Swin windows.
 */
export async function transferRun(settings: TransferSettings, context: TransferContext): Promise<Transferred> {
  const { weights, window, imgsz, out } = settings;
  if (weights === undefined) throw new UserError("weights expected: weights=best.safetensors");
  if (window === undefined && imgsz === undefined) throw new UserError("window or imgsz expected: window=16 imgsz=512");
  if (window?.some((side) => side < 1 || side > 64) || window?.length === 0)
    throw new UserError(`window=${window.join(",")}: expected sides from 1 to 64`);
  if (out !== undefined && !/\.safetensors$/i.test(out))
    throw new UserError(`out=${out}: expected a .safetensors file`);
  const size = [...(window ? [`w${[...new Set(window)].join("-")}`] : []), ...(imgsz ? [String(imgsz)] : [])];
  const file = out ?? `${weights.replace(/\.(safetensors|pth?)$/i, "")}-${size.join("-")}.safetensors`;
  const run = (await holdsClassifier(weights)) ? transferClassifier : transferDetector;
  return run({ ...settings, weights, file }, context);
}
