import { type CommandName, commandOptions, otherNames } from "./commands.js";
import type { hypRanges } from "./hypRanges.js";
import { parseTable, type ValuesOf } from "./option.js";

// No import here loads files or pictures: usage is checked and explained before anything heavy is.
export { type CommandName, commandOptions, otherNames } from "./commands.js";
export { configsFolder, resolveHypFile, resolveModelFile } from "./files.js";
export { hypRanges } from "./hypRanges.js";
export type { Option, OptionTable, ValuesOf } from "./option.js";
export { givenOptions } from "./option.js";

/** The options of a command, all decided. */
export type Options<C extends CommandName> = ValuesOf<(typeof commandOptions)[C]>;

export type TrainOptions = Options<"train">;
export type ValOptions = Options<"val">;
export type PredictOptions = Options<"predict">;
export type ExportOptions = Options<"export">;
export type InfoOptions = Options<"info">;
export type ImportOptions = Options<"import">;
export type PlanOptions = Options<"plan">;
export type CheckDataOptions = Options<"check-data">;

/** What a command may be given: its options, all optional, as values or as texts. */
export type Given<C extends CommandName> = {
  readonly [K in keyof (typeof commandOptions)[C]]?: Options<C>[K] | string | number | boolean;
};

/** Keys of a hyp file, given one by one. */
export type HypOverrides = { readonly [key in keyof typeof hypRanges]?: unknown };

/**
 * Checks what a command was given; `hyp` are keys of a hyp file among it.
 * @throws UserError naming the option, what was got and what is expected.
 */
export function parseOptions<C extends CommandName>(
  command: C,
  given: Readonly<Record<string, unknown>>,
): { options: Options<C>; hyp: Record<string, unknown> } {
  const { values, rest } = parseTable(commandOptions[command], given, otherNames[command]);
  return { options: values as Options<C>, hyp: rest };
}
