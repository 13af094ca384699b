import { type ClassBatch, createClassLoader, type Loader, readPictureFolder } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import type { BlockDefinition } from "../../nn/index.js";
import { scanned } from "../classify/prepare.js";
import { loadersOf } from "../training/settings.js";
import { formatReport } from "../weights/transfer.js";
import { type OpenedSimmim, openSimmim } from "./open.js";
import { type PretrainSettings, type PretrainWish, pretrainAugment, settlePretraining } from "./settings.js";

/** Everything that pretraining stands on. */
export interface PreparedPretraining {
  readonly settings: PretrainSettings;
  readonly loaded: OpenedSimmim;
  /** How many pictures there are to train on. */
  readonly pictures: number;
  readonly train: Loader<ClassBatch>;
  readonly val: Loader<ClassBatch>;
  /** What the user should know, in the order it was found. */
  readonly messages: readonly string[];
  close(): Promise<void>;
}

export interface PrepareOptions {
  readonly extra?: readonly BlockDefinition[];
  /** Weights that a resumed run goes on with; they bring the model. */
  readonly resumed?: string;
  readonly onScan?: (split: string, done: number, total: number) => void;
}

/** Lists and checks the pictures, builds the model, settles what was left open, and opens the loaders. */
export async function preparePretraining(
  wish: PretrainWish,
  { extra, resumed, onScan }: PrepareOptions,
): Promise<PreparedPretraining> {
  if (wish.data === undefined) throw new UserError("data expected: data=FOLDER of pictures");
  const folder = readPictureFolder(wish.data, { seed: wish.seed });
  const messages = [...folder.messages];
  const scan = (split: "train" | "val") => scanned(split, folder[split], { onScan, messages, kind: "pictures" });
  const [train, val] = [await scan("train"), await scan("val")];
  const { model: file, weights, imgsz, seed } = wish;
  const source = resumed ? { weights: resumed } : { model: file, weights, imgsz };
  const open = (dropPath?: number) => openSimmim({ ...source, dropPath, extra, seed });
  const first = await open(wish.drop_path);
  const { imageSize, channels } = first.model.encoder;
  if (imageSize[0] !== imageSize[1] || channels !== 3)
    throw new UserError(`the model takes ${channels} planes of ${imageSize.join(" x ")}, training takes 3 squares`);
  const { patch } = first.model;
  const settings = settlePretraining(wish, { pictures: train.length, imgsz: imageSize[0], patch });
  // A recipe may bring a stochastic depth of its own.
  const loaded = settings.drop_path === wish.drop_path ? first : await open(settings.drop_path);
  if (loaded.report && !resumed) messages.push(formatReport(loaded.report));
  if (wish.recipe === "auto") messages.push(`recipe: ${settings.recipe} (${train.length} pictures)`);
  const { mask_patch, mask_ratio, norm_target } = settings;
  messages.push(
    `hidden: ${Math.round(mask_ratio * 100)} % in squares of ${mask_patch} px; targets ${norm_target ? `normalised over ${norm_target} px` : "as they are"}`,
  );
  const common = { classes: 1, imgsz: settings.imgsz, fit: "short", cache: settings.cache, seed } as const;
  const workers = loadersOf(settings);
  const { batch } = settings;
  const loaders = {
    train: createClassLoader(train, {
      ...common,
      batch,
      augment: pretrainAugment(settings),
      dropLast: true,
      workers,
    }),
    val: createClassLoader(val, { ...common, batch, workers: Math.min(workers, 1) }),
  };
  messages.push(...loaders.train.warnings, ...loaders.val.warnings);
  return {
    settings,
    loaded,
    pictures: train.length,
    ...loaders,
    messages,
    close: async () => {
      await loaders.train.close();
      await loaders.val.close();
    },
  };
}
