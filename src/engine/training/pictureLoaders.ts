import {
  type ClassBatch,
  type ClassifyAugment,
  type ClassLoaderOptions,
  createClassLoader,
  type Entry,
  type Loader,
} from "../../data/index.js";
import { loadersOf } from "./settings.js";

/** The loaders of a run on whole pictures, and what they warn of. */
export interface PictureLoaders {
  readonly train: Loader<ClassBatch>;
  readonly val: Loader<ClassBatch>;
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

/** Opens them: pictures to train on changed as `augment` says, those to validate on as they are. */
export function pictureLoaders(
  { train, val }: Readonly<Record<"train" | "val", readonly Entry[]>>,
  common: Pick<ClassLoaderOptions, "classes" | "imgsz" | "fit" | "cache" | "seed">,
  { settings, augment }: { settings: Parameters<typeof loadersOf>[0] & { batch: number }; augment: ClassifyAugment },
): PictureLoaders {
  const workers = loadersOf(settings);
  const { batch } = settings;
  const loaders = {
    train: createClassLoader(train, { ...common, batch, augment, dropLast: true, workers }),
    val: createClassLoader(val, { ...common, batch, workers: Math.min(workers, 1) }),
  };
  return {
    ...loaders,
    warnings: [...loaders.train.warnings, ...loaders.val.warnings],
    close: async () => {
      await loaders.train.close();
      await loaders.val.close();
    },
  };
}
