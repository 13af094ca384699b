import { at, suggestion, UserError } from "../../errors/index.js";
import type { BlockDefinition } from "../blocks/define.js";
import type { Classifier } from "../classifier.js";
import type { Pair } from "../layers/basic.js";
import { buildSwinClassifier } from "../swin/classifier.js";
import { readSwin } from "../swin/yaml.js";
import type { Place } from "./config.js";
import { buildRowsClassifier } from "./rowsClassifier.js";

export interface ClassifierOptions {
  /** Classes, instead of the YAML's; 0: no head. */
  readonly nc?: number;
  /** Input channels, instead of the YAML's. */
  readonly ch?: number;
  /** Height and width of pictures, instead of the YAML's. */
  readonly imageSize?: Pair;
  /** Side of the windows, instead of the YAML's. */
  readonly window?: number;
  /** Stochastic depth of the last block, instead of the YAML's. */
  readonly dropPath?: number;
  /** Modules that rows may name besides ours. */
  readonly extra?: readonly BlockDefinition[];
  /** Where keys stand, for messages. */
  readonly place?: Place;
}

/** Whether a model YAML says `task: classify`. */
export const isClassifier = (yaml: unknown): boolean =>
  typeof yaml === "object" && yaml !== null && (yaml as { task?: unknown }).task === "classify";

type Family = (yaml: Readonly<Record<string, unknown>>, place: Place, options: ClassifierOptions) => Classifier;

/** How a classifier is built, by the key of a YAML that describes its family. */
const families: Readonly<Record<string, Family>> = {
  swinv2: ({ swinv2 }, place, { nc, ch, imageSize, window, dropPath }) => {
    const section = (...path: (string | number)[]) => place("swinv2", ...path);
    const swin = readSwin(swinv2, section);
    return at(section(), () => buildSwinClassifier(swin, { classes: nc, channels: ch, imageSize, window, dropPath }));
  },
  backbone: (yaml, place, options) => buildRowsClassifier(yaml, { ...options, place }),
};

/**
 * Builds a classifier from the plain contents of a model YAML: `task: classify`, `nc`, and a section named after its family.
 * @throws UserError naming the place, what was got and what is expected.
 */
export function buildClassifier(yaml: unknown, options: ClassifierOptions = {}): Classifier {
  const place: Place = options.place ?? ((...path) => path.join(".") || "model");
  const expected = `task: classify, nc and one of ${Object.keys(families).join(", ")}`;
  if (!isClassifier(yaml)) throw new UserError(`${place("task")}: no classifier, expected ${expected}`);
  const model = yaml as Record<string, unknown>;
  const names = Object.keys(families).filter((name) => Object.hasOwn(model, name));
  if (names.length !== 1) {
    const near = Object.keys(model)
      .map((key) => suggestion(key, Object.keys(families)))
      .find((text) => text !== "");
    throw new UserError(`${place()}: got keys ${Object.keys(model).join(", ")}, expected ${expected}${near ?? ""}`);
  }
  for (const key of ["nc", "ch"] as const) checkCount(model[key], key, place);
  return families[names[0]](model, place, {
    ...options,
    nc: options.nc ?? (model.nc as number | undefined) ?? 1000,
    ch: options.ch ?? (model.ch as number | undefined) ?? 3,
  });
}

function checkCount(value: unknown, key: "nc" | "ch", place: Place): void {
  const least = key === "nc" ? 0 : 1;
  const ok = typeof value === "number" && Number.isInteger(value) && value >= least && value <= 65536;
  if (value === undefined || ok) return;
  throw new UserError(
    `${place(key)}: ${key}: got ${JSON.stringify(value)}, expected a whole number from ${least} to 65536`,
  );
}
