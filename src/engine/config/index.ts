import { type CommandName, commandOptions } from "./commands.js";
import { hypRanges } from "./hyp.js";
import { parseTable, type ValuesOf } from "./option.js";

export { type CommandName, commandOptions } from "./commands.js";
export { configsFolder, resolveHypFile, resolveModelFile } from "./files.js";
export { hypRanges, readHyp } from "./hyp.js";
export type { Option, OptionTable, ValuesOf } from "./option.js";

/** The options of a command, all decided. */
export type Options<C extends CommandName> = ValuesOf<(typeof commandOptions)[C]>;

/** What a command may be given: its options, all optional, as values or as texts. */
export type Given<C extends CommandName> = {
  readonly [K in keyof (typeof commandOptions)[C]]?: Options<C>[K] | string | number | boolean;
};

/** Keys of a hyp file, given one by one. */
export type HypOverrides = { readonly [key in keyof typeof hypRanges]?: unknown };

/** Checks what a command was given; `hyp` are keys of a hyp file among it. */
export function parseOptions<C extends CommandName>(
  command: C,
  given: Readonly<Record<string, unknown>>,
): { options: Options<C>; hyp: Record<string, unknown> } {
  const extra = command === "train" ? Object.keys(hypRanges) : [];
  const { values, rest } = parseTable(commandOptions[command], given, { extra });
  return { options: values as Options<C>, hyp: rest };
}
