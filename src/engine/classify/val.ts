import { createClassLoader, readClassFolders, scanClasses } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import type { BlockDefinition } from "../../nn/index.js";
import type { ClassifyOptions } from "../config/index.js";
import { accuracy } from "../metrics/accuracy.js";
import { runFolder } from "../run/folder.js";
import { classPlots } from "../run/plots.js";
import { openClassBackend } from "./backend.js";
import { evaluateClasses } from "./evaluate.js";
import { runFilled } from "./forward.js";

/** What `val` finds of a classifier. */
export interface ClassifyValResult {
  readonly task: "classify";
  readonly top1: number;
  readonly top5: number;
  /** Mean cross entropy. */
  readonly loss: number;
  readonly images: number;
  readonly classes: readonly ClassAccuracy[];
  /** Milliseconds a picture. */
  readonly ms: { readonly loading: number; readonly inference: number };
  /** The folder of what was written; undefined when nothing was. */
  readonly run?: string;
  /** What was left out in the data. */
  readonly messages: readonly string[];
}

/** How well one class is told. */
export interface ClassAccuracy {
  readonly name: string;
  readonly images: number;
  readonly top1: number;
  readonly top5: number;
}

export interface ClassifyCallContext {
  readonly extra?: readonly BlockDefinition[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Validates a classifier on a split of class folders. */
export async function validateClassifier(
  options: ClassifyOptions<"val">,
  { extra, signal, onProgress }: ClassifyCallContext = {},
): Promise<ClassifyValResult> {
  const { data, split } = options;
  if (data === undefined) throw new UserError("data expected: data=FOLDER");
  const { backend, fit, imgsz, seed = 0 } = await openClassBackend({ ...options, extra });
  const { names } = backend;
  try {
    const { splits, messages } = readClassFolders(data, { need: [split], names, seed: options.seed ?? seed });
    const { entries, problems } = await scanClasses(splits[split]);
    const folder = options.noplots
      ? undefined
      : await runFolder(options.project, options.name, { existOk: options.exist_ok });
    const plots = folder === undefined ? undefined : classPlots(folder, names);
    const loader = createClassLoader(entries, {
      classes: names.length,
      imgsz,
      fit,
      batch: backend.batch ?? options.batch,
      workers: options.workers ?? 1,
    });
    try {
      const { top1, top5, loss, images, results, ms } = await evaluateClasses(
        (images) => runFilled(backend, images),
        loader,
        {
          signal,
          onBatch: plots?.batch,
          onProgress: (done) => onProgress?.(done, entries.length),
        },
      );
      await plots?.finish(results);
      const classes = names.map((name, label): ClassAccuracy => {
        const own = results.filter((result) => result.label === label);
        return { name, images: own.length, ...accuracy(own) };
      });
      const leftOut = problems.map(({ file, what }) => `left out: ${file}: ${what}`);
      const run = folder === undefined ? {} : { run: folder };
      return { task: "classify", top1, top5, loss, images, classes, ms, ...run, messages: [...messages, ...leftOut] };
    } finally {
      await loader.close();
    }
  } finally {
    await backend.release();
  }
}
