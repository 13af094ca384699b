import { messageOf, UserError } from "../../errors/index.js";
import type { Size } from "../boxes.js";
import type { Labels } from "../sample.js";
import { mapConcurrent } from "./concurrent.js";
import { checkPicture } from "./decode.js";
import { fileError, isMissing, readBytes } from "./files.js";
import { labelPathOf, type ParsedLabels, type Problem, parseLabels } from "./labels.js";

/** A picture of a data set with its labels: boxes as centre and size in fractions, segments in fractions. */
export interface Entry extends Size {
  readonly path: string;
  readonly labels: Labels;
}

/** What a scan found. */
export interface Scan {
  /** The pictures that can be used, in the order given. */
  readonly entries: readonly Entry[];
  readonly counts: ScanCounts;
  /** Why pictures or label files are not used. */
  readonly problems: readonly Problem[];
  /** What was mended, such as repeated rows left out. */
  readonly warnings: readonly Problem[];
}

/** How many there are of what. */
export interface ScanCounts {
  /** Pictures that can be used, backgrounds included. */
  readonly images: number;
  /** Pictures without objects. */
  readonly backgrounds: number;
  /** Pictures left out, because they or their labels are broken. */
  readonly corrupt: number;
  /** Label rows left out because they repeat another. */
  readonly duplicates: number;
  readonly objects: number;
}

/** How a split is scanned. */
export interface ScanOptions {
  /** The number of classes. */
  readonly nc: number;
  /** All objects become class 0. */
  readonly singleCls?: boolean;
  /** It is a mistake (UserError) if there is not a single object. */
  readonly needLabels?: boolean;
  /** Decode every picture, which finds also those that are broken after their header. */
  readonly whole?: boolean;
  /** How many files are read at once. */
  readonly limit?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

const minSide = 10;
const maxLabelBytes = 2 ** 26;

/**
 * Checks the pictures of a split and reads their labels. What is broken is left out and counted; but a class beyond
 * those of the data set is a UserError, because then the data set's YAML is wrong,
 * and so is a split of which nothing is left.
 */
export async function scanSplit(paths: readonly string[], options: ScanOptions): Promise<Scan> {
  const scan = await inspectSplit(paths, options);
  const [wrong] = scan.outOfRange;
  if (wrong) throw new UserError(placed(wrong));
  const { images, objects } = scan.counts;
  const [first] = scan.problems;
  if (images === 0) throw new UserError(first ? `no picture can be used; ${placed(first)}` : "no pictures");
  if (options.needLabels && objects === 0) throw new UserError(noLabels(paths, first));
  return scan;
}

const placed = ({ file, line, what }: Problem) => `${file}${line > 0 ? `:${line}` : ""}: ${what}`;

function noLabels(paths: readonly string[], first?: Problem): string {
  const why = first ? placed(first) : `the labels of ${paths[0]} would be in ${labelPathOf(paths[0])}`;
  return `no labels found for ${paths.length} pictures; ${why}`;
}

/** As `scanSplit`, but rows whose class is too high are listed apart instead of ending the scan. */
export async function inspectSplit(
  paths: readonly string[],
  options: ScanOptions,
): Promise<Scan & { outOfRange: readonly Problem[] }> {
  const { limit = 8, onProgress } = options;
  let done = 0;
  const inspect = async (path: string) => {
    const found = await inspectPicture(path, options);
    onProgress?.(++done, paths.length);
    return found;
  };
  const found = await mapConcurrent(paths, inspect, { limit });
  const entries = found.flatMap(({ entry }) => entry ?? []);
  const objects = entries.map(({ labels }) => labels.classes.length);
  return {
    entries,
    counts: {
      images: entries.length,
      backgrounds: objects.filter((count) => count === 0).length,
      corrupt: found.length - entries.length,
      duplicates: found.reduce((sum, { duplicates }) => sum + duplicates, 0),
      objects: objects.reduce((sum, count) => sum + count, 0),
    },
    problems: found.flatMap(({ problems }) => problems),
    warnings: found.flatMap(({ warnings }) => warnings),
    outOfRange: found.flatMap(({ outOfRange }) => outOfRange ?? []),
  };
}

async function inspectPicture(path: string, options: ScanOptions): Promise<ParsedLabels & { entry?: Entry }> {
  const { width, height, problem } = await inspectSize(path, options);
  const parsed = await readLabels(labelPathOf(path), options);
  const problems = problem ? [problem, ...parsed.problems] : parsed.problems;
  const { labels } = parsed;
  return { ...parsed, problems, entry: problem || !labels ? undefined : { path, width, height, labels } };
}

/** A picture's size, or why it cannot be used. */
export async function inspectSize(
  path: string,
  { whole }: Pick<ScanOptions, "whole">,
): Promise<Size & { problem?: Problem }> {
  try {
    const size = await checkPicture(path, { whole });
    if (size.width >= minSide && size.height >= minSide) return size;
    const what = `${size.width} x ${size.height} pixels, expected at least ${minSide} x ${minSide}`;
    return { ...size, problem: { file: path, line: 0, what } };
  } catch (error) {
    return { width: 0, height: 0, problem: fileProblem(path, error) };
  }
}

/** The objects of a label file; no file means no objects. */
export async function readLabels(
  file: string,
  { nc, singleCls = false }: { nc: number; singleCls?: boolean },
): Promise<ParsedLabels> {
  try {
    const bytes = await readBytes(file, { maxBytes: maxLabelBytes });
    return parseLabels(bytes.toString("utf8"), { nc, file, singleCls });
  } catch (error) {
    if (isMissing(error)) return parseLabels("", { nc, file });
    return { problems: [fileProblem(file, error)], warnings: [], duplicates: 0 };
  }
}

function fileProblem(file: string, error: unknown): Problem {
  const known = fileError(file, error);
  if (!(known instanceof UserError)) throw error;
  const message = messageOf(known);
  return { file, line: 0, what: message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message };
}
