import type { HostArray } from "../../graph/index.js";
import { officialSwinNames } from "./swinNames.js";
import { isSwinBuffer, shapeOfSwin } from "./swinState.js";

type Tensors = ReadonlyMap<string, HostArray>;

/**
 * Weights of a Swin classifier under the names that they have in a model with a row SwinV2Backbone; all other weights as they
 * are. Its last norm and its head keep their names, which the model does not have.
 */
export function swinForRows(tensors: Tensors, wanted: Iterable<string>): Tensors {
  const first = [...wanted].find((name) => /^model\.\d+\.patch_embed\.proj\.weight$/.test(name));
  const swin = first === undefined || tensors.has(first) ? undefined : officialSwinNames(tensors)?.tensors;
  if (!swin || first === undefined) return tensors;
  const prefix = first.slice(0, first.indexOf("patch_embed"));
  const learned = [...swin].filter(([name]) => !isSwinBuffer(name));
  const isTrunk = (name: string) => /^(patch_embed|layers)\./.test(name);
  return new Map(learned.map(([name, tensor]) => [isTrunk(name) ? prefix + name : name, tensor]));
}

/**
 * A model YAML whose rows SwinV2Backbone without a pretrained window get the one that a classifier's weights were trained
 * with, where the file tells it and it is another than the row's.
 */
export function withTrainedWindows(yaml: object, tensors: Tensors): object {
  const swin = officialSwinNames(tensors)?.tensors;
  const { window, pretrainedWindow } = swin?.has("norm.weight") ? shapeOfSwin(swin).options : {};
  if (!Array.isArray(window)) return yaml;
  const trained = window.map((side: number, i) => (Array.isArray(pretrainedWindow) && pretrainedWindow[i]) || side);
  const told = (row: unknown): unknown => {
    if (!Array.isArray(row) || row[2] !== "SwinV2Backbone" || !Array.isArray(row[3])) return row;
    // Arguments by name, or the model's own keys, say it as well.
    const named = row[3].some((arg) => typeof arg === "object" && arg !== null && !Array.isArray(arg));
    if (named || "pretrained_window" in yaml) return row;
    const usual = (yaml as { window?: number }).window ?? 8;
    const [variant, own = usual, drop = 0.2, pretrained = 0, ...rest] = row[3] as unknown[];
    const sides = Array.isArray(own) ? own : trained.map(() => own);
    if (pretrained !== 0 || trained.every((side, i) => side === sides[i])) return row;
    return [...row.slice(0, 3), [variant, own, drop, trained, ...rest]];
  };
  const sections = Object.entries(yaml).map(([key, value]) => [key, Array.isArray(value) ? value.map(told) : value]);
  return Object.fromEntries(sections) as object;
}
