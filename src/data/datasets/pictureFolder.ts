import { readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../errors/index.js";
import { rng } from "../rng.js";
import { type ClassPicture, foldersOf, readClassFolders } from "./classes.js";
import { isPicture, listPictures } from "./list.js";

/** Pictures without labels. */
export interface PictureFolder {
  readonly path: string;
  readonly train: readonly ClassPicture[];
  readonly val: readonly ClassPicture[];
  /** What to say about how the pictures were split. */
  readonly messages: readonly string[];
}

/** The share that is kept for validation where nobody split the folder. */
const heldOut = 0.05;

/**
 * Lists a folder's pictures for training that asks for no labels. `train` and `val` (or `test`) are what they say; class
 * folders alone are split as `readClassFolders` does with this seed; of any other folder a twentieth is held out.
 * @throws UserError where there are not two pictures.
 */
export function readPictureFolder(folder: string, { seed = 0 }: { seed?: number } = {}): PictureFolder {
  const path = resolve(folder);
  const inside = foldersOf(path);
  const pictures = (part: string) =>
    listPictures(join(path, part))
      .sort()
      .map((file) => ({ path: file, label: 0 }));
  if (inside.includes("train")) {
    const other = ["val", "test"].find((part) => inside.includes(part) && pictures(part).length > 0);
    if (other === undefined) return parted(join(path, "train"), pictures("train"), seed);
    const train = pictures("train");
    if (train.length === 0) throw new UserError(`${join(path, "train")}: no pictures`);
    return { path, train, val: pictures(other), messages: [] };
  }
  if (inside.length > 0 && !readdirSync(path).some(isPicture)) {
    const { splits, messages } = readClassFolders(path, { seed });
    return { path, train: splits.train, val: splits.val, messages };
  }
  return parted(path, pictures("."), seed);
}

function parted(path: string, pictures: readonly ClassPicture[], seed: number): PictureFolder {
  if (pictures.length < 2) throw new UserError(`${path}: ${pictures.length} pictures, expected at least two`);
  const count = Math.max(1, Math.round(pictures.length * heldOut));
  const shuffled = rng(seed, "split").shuffle([...pictures]);
  const byPath = (a: ClassPicture, b: ClassPicture) => (a.path < b.path ? -1 : 1);
  const [val, train] = [shuffled.slice(0, count).sort(byPath), shuffled.slice(count).sort(byPath)];
  const message = `${basename(path)}: ${train.length} pictures to train on, ${val.length} held out by seed ${seed}`;
  return { path, train, val, messages: [message] };
}
