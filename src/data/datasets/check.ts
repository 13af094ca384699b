import { existsSync, statSync } from "node:fs";
import { readClassFolders, scanClasses } from "./classes.js";
import type { Problem } from "./labels.js";
import { inspectSplit } from "./scan.js";
import { readDataset } from "./yaml.js";

/** What a data set holds and what is wrong with it. */
export interface DataCheck {
  /** Pictures that can be used, over all splits; one that is in two of them counts once. */
  readonly images: number;
  readonly objects: number;
  readonly problems: readonly Problem[];
  /** What is mended while reading, such as repeated rows. */
  readonly warnings: readonly Problem[];
}

/**
 * Checks a data set as its YAML (`path`) describes it, or a folder of class folders: every picture is decoded, every label file
 * read.
 */
export async function checkData(
  path: string,
  { onProgress }: { onProgress?: (done: number, total: number) => void } = {},
): Promise<DataCheck> {
  if (existsSync(path) && statSync(path).isDirectory()) return checkClasses(path, { onProgress });
  const { splits, nc, warnings } = readDataset(path, { need: "named" });
  const pictures = [...new Set([...splits.train, ...splits.val, ...splits.test])];
  const found = await inspectSplit(pictures, { nc, whole: true, limit: 4, onProgress });
  return {
    images: found.counts.images,
    objects: found.counts.objects,
    problems: found.problems,
    warnings: [...warnings.map((what) => ({ file: path, line: 0, what })), ...found.warnings],
  };
}

async function checkClasses(
  path: string,
  { onProgress }: { onProgress?: (done: number, total: number) => void },
): Promise<DataCheck> {
  const { splits, messages } = readClassFolders(path, { need: [] });
  const pictures = new Map([...splits.train, ...splits.val, ...splits.test].map((one) => [one.path, one]));
  const { entries, problems } = await scanClasses([...pictures.values()], { whole: true, onProgress });
  const warnings = messages.map((what) => ({ file: path, line: 0, what }));
  return { images: entries.length, objects: entries.length, problems, warnings };
}
