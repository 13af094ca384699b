import { readYaml } from "../../data/index.js";
import { suggestion, UserError } from "../../errors/index.js";
import type { Hyp } from "../training/settings.js";
import { resolveHypFile } from "./files.js";

/** The keys of a hyp file and the range of each. */
export const hypRanges = {
  lr0: [0, 10],
  lrf: [0, 1],
  momentum: [0, 1],
  weight_decay: [0, 1],
  warmup_epochs: [0, 1000],
  warmup_momentum: [0, 1],
  warmup_bias_lr: [0, 10],
  box: [0, 100],
  cls: [0, 100],
  cls_pw: [0, 100],
  obj: [0, 100],
  obj_pw: [0, 100],
  iou_t: [0, 1],
  anchor_t: [1, 100],
  anchors: [0, 32],
  fl_gamma: [0, 10],
  hsv_h: [0, 1],
  hsv_s: [0, 1],
  hsv_v: [0, 1],
  degrees: [0, 180],
  translate: [0, 1],
  scale: [0, 1],
  shear: [0, 89],
  perspective: [0, 0.01],
  flipud: [0, 1],
  fliplr: [0, 1],
  mosaic: [0, 1],
  mixup: [0, 1],
  copy_paste: [0, 1],
} as const satisfies Readonly<Record<string, readonly [from: number, to: number]>>;

/** Keys that may be left out of a file; all others must be there. */
const optional = new Set(["anchors", "copy_paste", "iou_t"]);

/**
 * Reads a hyp file and lays overrides of single keys over it.
 * @throws UserError with file, line and key for values out of range, missing keys, and with `strict` for unknown keys.
 */
export function readHyp(
  file: string,
  overrides: Readonly<Record<string, unknown>> = {},
  { strict = false } = {},
): { hyp: Hyp; warnings: string[] } {
  const document = readYaml(resolveHypFile(file));
  if (typeof document.value !== "object" || document.value === null || Array.isArray(document.value)) {
    throw new UserError(`${file}: keys and numbers expected, as in configs/hyps`);
  }
  const hyp: Record<string, number> = {};
  const warnings: string[] = [];
  for (const [key, value] of Object.entries(document.value)) {
    if (!Object.hasOwn(hypRanges, key)) {
      const message = `${document.place(key)}: key "${key}" is not known${suggestion(key, Object.keys(hypRanges))}`;
      if (strict) throw new UserError(message);
      warnings.push(message);
    } else hyp[key] = inRange(document.place(key), key, value);
  }
  for (const [key, value] of Object.entries(overrides))
    hyp[key] = inRange(key, key, typeof value === "string" ? Number(value) : value);
  const missing = Object.keys(hypRanges).filter((key) => !optional.has(key) && !(key in hyp));
  if (missing.length > 0) throw new UserError(`${file}: ${missing.join(", ")} missing`);
  return { hyp, warnings };
}

function inRange(place: string, key: string, value: unknown): number {
  const [from, to] = hypRanges[key as keyof typeof hypRanges];
  if (typeof value === "number" && value >= from && value <= to) return value;
  throw new UserError(
    `${place === key ? "" : `${place}: `}${key}: got ${String(value)}, expected a number from ${from} to ${to}`,
  );
}
