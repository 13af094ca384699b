import { availableParallelism } from "node:os";
import type { AugmentHyp } from "../../data/index.js";
import type { LossOptions, OptimizerKind } from "../../nn/index.js";
import type { Recompute } from "./steps.js";

/** The hyper-parameters of a hyp file, under their names there. */
export type Hyp = Readonly<Record<string, number>>;

/** Options of a training run, all decided; names as on the command line. */
export interface TrainSettings {
  readonly model?: string;
  readonly weights?: string;
  readonly data: string;
  readonly epochs: number;
  readonly batch: number;
  readonly imgsz: number;
  readonly rect: boolean;
  readonly resume?: string | boolean;
  readonly nosave: boolean;
  readonly noval: boolean;
  readonly noautoanchor: boolean;
  readonly noplots: boolean;
  readonly cache: false | "ram" | "disk" | "val";
  readonly decode: "full" | "reduced";
  readonly device: string;
  readonly threads?: number;
  readonly multi_scale: boolean;
  /** Mixed precision. */
  readonly half: boolean;
  /** `auto` until memory is planned. */
  readonly recompute: Recompute | "auto";
  /** Bytes that training may take; the machine's where left out. */
  readonly memory?: number;
  /** What was not given and may be chosen to fit. */
  readonly open?: readonly string[];
  readonly single_cls: boolean;
  readonly optimizer: OptimizerKind;
  readonly workers?: number;
  readonly project: string;
  readonly name: string;
  readonly exist_ok: boolean;
  readonly cos_lr: boolean;
  readonly label_smoothing: number;
  readonly patience: number;
  readonly freeze: readonly number[];
  readonly save_period: number;
  readonly seed: number;
  readonly nbs: number;
  readonly preset: "auto" | "none" | "small";
}

/** The loss's part of the hyper-parameters, gains scaled to the model and the picture size. */
export const lossOptions = (
  hyp: Hyp,
  scale: { box: number; obj: number; cls: number },
  smoothing: number,
): LossOptions => ({
  box: hyp.box * scale.box,
  obj: hyp.obj * scale.obj,
  cls: hyp.cls * scale.cls,
  obj_pw: hyp.obj_pw,
  cls_pw: hyp.cls_pw,
  fl_gamma: hyp.fl_gamma,
  label_smoothing: smoothing,
});

const augmentKeys = [
  "mosaic",
  "mixup",
  "copy_paste",
  "degrees",
  "translate",
  "scale",
  "shear",
  "perspective",
  "hsv_h",
  "hsv_s",
  "hsv_v",
  "flipud",
  "fliplr",
] as const;

/** The augmentations' part of the hyper-parameters. */
export const augmentHyp = (hyp: Hyp): AugmentHyp => Object.fromEntries(augmentKeys.map((key) => [key, hyp[key] ?? 0]));

/** Threads that load pictures: as given, or all cores but one, at most 8. */
export const loadersOf = ({ workers }: Pick<TrainSettings, "workers">): number =>
  workers ?? Math.max(1, Math.min(availableParallelism() - 1, 8));

/** The side of the pictures as they are trained on: the next multiple of the stride, and at least two strides. */
export function sizeFor(imgsz: number, modelStride: number): { imgsz: number; stride: number } {
  const stride = Math.max(modelStride, 32);
  return { imgsz: Math.max(Math.ceil(imgsz / stride) * stride, 2 * stride), stride };
}
