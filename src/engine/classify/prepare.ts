import {
  type ClassBatch,
  type ClassLoaderOptions,
  type ClassPicture,
  createClassLoader,
  type Entry,
  readClassFolders,
  scanClasses,
} from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import type { PrepareOptions } from "../training/openRun.js";
import { type PictureLoaders, pictureLoaders } from "../training/pictureLoaders.js";
import { formatReport } from "../weights/transfer.js";
import { type OpenedWeights, openWeights } from "./open.js";
import { augmentOf, type ClassifySettings, type ClassifyWish, settle } from "./settings.js";

/** Everything that training a classifier stands on. */
export interface PreparedClassifier extends PictureLoaders {
  readonly settings: ClassifySettings;
  readonly names: readonly string[];
  readonly loaded: OpenedWeights;
  /** How many pictures there are to train on, and to validate on. */
  readonly pictures: number;
  readonly validated: number;
  /** A few pictures for validation, from all over their list: one batch, always the same. */
  readonly sample: () => Promise<ClassBatch>;
  /** What the user should know, in the order it was found. */
  readonly messages: readonly string[];
}

/** Lists and checks the pictures, builds the model for their classes, settles what was left open, and opens the loaders. */
export async function prepareClassifier(
  wish: ClassifyWish,
  { extra, resumed, onScan }: PrepareOptions,
): Promise<PreparedClassifier> {
  if (wish.data === undefined)
    throw new UserError("data expected: data=FOLDER with train/CLASS/*.jpg and val/CLASS/*.jpg");
  const { names, splits, messages: found } = readClassFolders(wish.data, { seed: wish.seed });
  if (names.length < 2) throw new UserError(`${wish.data}: one class (${names[0]}), expected at least two`);
  const messages = [...found];
  const scan = (split: "train" | "val") =>
    scanned(split, splits[split], { onScan, messages, kind: `pictures of ${names.length} classes` });
  const [train, val] = [await scan("train"), await scan("val")];
  const { model: file, weights, imgsz, seed } = wish;
  const source = resumed ? { weights: resumed } : { model: file, weights, imgsz };
  const open = (dropPath?: number) => openWeights({ ...source, names, dropPath, extra, seed });
  const first = await open(wish.drop_path);
  const [height, width] = first.model.imageSize;
  if (height !== width) throw new UserError(`the model takes pictures of ${height} x ${width}, training takes squares`);
  const settings = settle(wish, { family: first.model.family, pictures: train.length, imgsz: height });
  if (settings.imgsz % 32 && first.model.family === "yolov5")
    throw new UserError(`imgsz=${settings.imgsz}: a multiple of the stride 32 expected`);
  // A recipe may bring a stochastic depth of its own.
  const loaded = settings.drop_path === wish.drop_path ? first : await open(settings.drop_path);
  if (loaded.report && !resumed) messages.push(formatReport(loaded.report));
  if (wish.recipe === "auto")
    messages.push(`recipe: ${settings.recipe} (${file ?? weights}, ${train.length} pictures)`);
  const common = { classes: names.length, imgsz: settings.imgsz, fit: settings.fit, cache: settings.cache, seed };
  const loaders = pictureLoaders({ train, val }, common, { settings, augment: augmentOf(settings) });
  messages.push(...loaders.warnings);
  return {
    settings,
    names,
    loaded,
    pictures: train.length,
    validated: val.length,
    ...loaders,
    sample: () => sampleOf(val, common),
    messages,
  };
}

const sampled = 16;

async function sampleOf(
  entries: readonly Entry[],
  common: Pick<ClassLoaderOptions, "classes" | "imgsz" | "fit">,
): Promise<ClassBatch> {
  const every = Math.max(1, Math.floor(entries.length / sampled));
  const chosen = entries.filter((_, i) => i % every === 0).slice(0, sampled);
  const loader = createClassLoader(chosen, { ...common, cache: false, batch: chosen.length });
  try {
    for await (const batch of loader.epoch(0)) return batch;
    throw new UserError("no pictures to validate on");
  } finally {
    await loader.close();
  }
}

interface Scanning extends Pick<PrepareOptions, "onScan"> {
  readonly messages: string[];
  /** What is counted. */
  readonly kind: string;
}

/** The pictures of a split that can be used; how many, and what is wrong with others, goes into `messages`. */
export async function scanned(
  split: string,
  pictures: readonly ClassPicture[],
  { onScan, messages, kind }: Scanning,
): Promise<Entry[]> {
  const { entries, problems } = await scanClasses(pictures, {
    onProgress: (done, total) => onScan?.(split, done, total),
  });
  messages.push(`${split}: ${entries.length} ${kind}, ${problems.length} left out`);
  for (const { file, what } of problems.slice(0, 5)) messages.push(`left out: ${file}: ${what}`);
  return entries;
}
