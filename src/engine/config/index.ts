import { classifyOptions } from "./classify.js";
import { type CommandName, commandOptions, otherNames } from "./commands.js";
import type { hypRanges } from "./hypRanges.js";
import { type OptionTable, parseTable, type ValuesOf } from "./option.js";
import { pretrainOptions } from "./pretrain.js";
import { taskOf, withoutTask } from "./task.js";

// No import here loads files or pictures: usage is checked and explained before anything heavy is.
export { classifyOptions } from "./classify.js";
export { type CommandName, commandOptions, otherNames } from "./commands.js";
export { configsFolder, resolveHypFile, resolveModelFile } from "./files.js";
export { hypRanges } from "./hypRanges.js";
export type { Option, OptionTable, ValuesOf } from "./option.js";
export { givenOptions } from "./option.js";
export { pretrainOptions } from "./pretrain.js";
export { type Task, taskOf, tasks } from "./task.js";

/** The options of a command, all decided. */
export type Options<C extends CommandName> = ValuesOf<(typeof commandOptions)[C]>;

export type TrainOptions = Options<"train">;
export type ValOptions = Options<"val">;
export type PredictOptions = Options<"predict">;
export type ExportOptions = Options<"export">;
export type InfoOptions = Options<"info">;
export type ImportOptions = Options<"import">;
export type PlanOptions = Options<"plan">;
export type TransferOptions = Options<"transfer">;
export type AblateOptions = Options<"ablate">;
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
  const { values, rest } = parseTable(commandOptions[command], withoutTask(given), otherNames[command]);
  return { options: values as Options<C>, hyp: rest };
}

/** Commands that there are for classifiers too. */
export type ClassifyCommand = keyof typeof classifyOptions;

/** The options of such a command for a classifier, all decided. */
export type ClassifyOptions<C extends ClassifyCommand> = ValuesOf<(typeof classifyOptions)[C]>;

/** What such a command may be given for a classifier. */
export type ClassifyGiven<C extends ClassifyCommand> = {
  readonly [K in keyof (typeof classifyOptions)[C]]?: ClassifyOptions<C>[K] | string | number | boolean;
} & { readonly task: "classify" };

/**
 * The same for classifiers; an option that detectors have and classifiers have not is told apart from a slip.
 * @throws UserError naming the option, what was got and what is expected.
 */
export function parseClassifyOptions<C extends ClassifyCommand>(
  command: C,
  given: Readonly<Record<string, unknown>>,
): ClassifyOptions<C> {
  const table = classifyOptions[command];
  const absent = othersThan(table, ofDetectors(command), "an option of detectors, not of classifiers");
  return parseTable(table, withoutTask(given), { absent }).values as ClassifyOptions<C>;
}

// Every name that such a command knows for detectors.
const ofDetectors = (command: CommandName): string[] => [
  ...Object.keys(commandOptions[command]),
  ...Object.keys(otherNames[command].absent ?? {}),
  ...(otherNames[command].extra ?? []),
];

const othersThan = (table: OptionTable, names: readonly string[], reason: string): Record<string, string> =>
  Object.fromEntries(names.filter((name) => !Object.hasOwn(table, name)).map((name) => [name, reason]));

/** The options of `train task=pretrain`, all decided. */
export type PretrainOptions = ValuesOf<typeof pretrainOptions>;

/** What it may be given. */
export type PretrainGiven = {
  readonly [K in keyof typeof pretrainOptions]?: PretrainOptions[K] | string | number | boolean;
} & { readonly task: "pretrain" };

/**
 * The same for pretraining.
 * @throws UserError naming the option, what was got and what is expected.
 */
export function parsePretrainOptions(given: Readonly<Record<string, unknown>>): PretrainOptions {
  const others = [...ofDetectors("train"), ...Object.keys(classifyOptions.train)];
  const absent = othersThan(pretrainOptions, others, "an option of detectors or classifiers, not of pretraining");
  return parseTable(pretrainOptions, withoutTask(given), { absent }).values as PretrainOptions;
}

/** Whether a call is one that pretrains. */
export const isPretrainCall = (command: CommandName, given: Readonly<Record<string, unknown>>): boolean =>
  command === "train" && taskOf(given) === "pretrain";

/** Whether a call is one of a classifier's. */
export const isClassifyCall = (
  command: CommandName,
  given: Readonly<Record<string, unknown>>,
): command is ClassifyCommand => Object.hasOwn(classifyOptions, command) && taskOf(given) === "classify";

/** Checks what any command was given, for whichever task it is. */
export function checkOptions(
  command: CommandName,
  given: Readonly<Record<string, unknown>>,
): { readonly json: boolean } {
  if (isPretrainCall(command, given)) return parsePretrainOptions(given);
  return isClassifyCall(command, given) ? parseClassifyOptions(command, given) : parseOptions(command, given).options;
}
