import { readPictureFolder } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { scanned } from "../classify/prepare.js";
import type { PrepareOptions } from "../training/openRun.js";
import { type PictureLoaders, pictureLoaders } from "../training/pictureLoaders.js";
import { formatReport } from "../weights/transfer.js";
import { type OpenedSimmim, openSimmim } from "./open.js";
import { type PretrainSettings, type PretrainWish, pretrainAugment, settlePretraining } from "./settings.js";

/** Everything that pretraining stands on. */
export interface PreparedPretraining extends PictureLoaders {
  readonly settings: PretrainSettings;
  readonly loaded: OpenedSimmim;
  /** How many pictures there are to train on. */
  readonly pictures: number;
  /** What the user should know, in the order it was found. */
  readonly messages: readonly string[];
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
  const loaders = pictureLoaders({ train, val }, common, { settings, augment: pretrainAugment(settings) });
  messages.push(...loaders.warnings);
  return { settings, loaded, pictures: train.length, ...loaders, messages };
}
