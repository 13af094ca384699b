import { readYaml } from "../../data/index.js";
import { suggestion, UserError } from "../../errors/index.js";
import type { Hyp } from "../training/settings.js";
import { resolveHypFile } from "./files.js";
import { hypRanges } from "./hypRanges.js";

/** Keys that may be left out of a file, and what they are then; all others must be there. `anchors=0` keeps the model's. */
const optional: Readonly<Record<string, number>> = { anchors: 0, copy_paste: 0, iou_t: 0.2 };

/**
 * Reads a hyp file and lays overrides of single keys over it.
 * @throws UserError with file, line and key for values out of range, missing keys, and with `strict` for unknown keys.
 */
export function readHyp(
  file: string | undefined,
  overrides: Readonly<Record<string, unknown>> = {},
  { strict = false } = {},
): { hyp: Hyp; warnings: string[] } {
  const path = resolveHypFile(file ?? "hyp.scratch-low.yaml");
  const document = readYaml(path);
  if (typeof document.value !== "object" || document.value === null || Array.isArray(document.value)) {
    throw new UserError(`${path}: keys and numbers expected, as in configs/hyps`);
  }
  const hyp: Record<string, number> = { ...optional };
  const warnings: string[] = [];
  for (const [key, value] of Object.entries(document.value)) {
    if (!Object.hasOwn(hypRanges, key)) {
      const message = `${document.place(key)}: key "${key}" is not known${suggestion(key, Object.keys(hypRanges))}`;
      if (strict) throw new UserError(message);
      warnings.push(message);
    } else hyp[key] = inRange(document.place(key), key, value);
  }
  for (const [key, value] of Object.entries(overrides)) hyp[key] = inRange(key, key, value);
  const missing = Object.keys(hypRanges).filter((key) => !(key in hyp));
  if (missing.length > 0) throw new UserError(`${path}: ${missing.join(", ")} missing`);
  return { hyp, warnings };
}

function inRange(place: string, key: string, value: unknown): number {
  const [from, to] = hypRanges[key as keyof typeof hypRanges];
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && number >= from && number <= to) return number;
  const got = value === true ? `${key}: no value given;` : `${key}=${String(value)}:`;
  const what = `${got} expected a number from ${from} to ${to}`;
  throw new UserError(place === key ? what : `${place}: ${what}`);
}
