import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import sharp from "sharp";
import { type Rng, rng, UserError } from "swinyolo/data";
import { palette } from "./pictures/colour.js";
import type { Box } from "./pictures/geometry.js";
import { ground, type Light } from "./pictures/ground.js";
import { paint } from "./pictures/paint.js";
import { arrange, type Kind, names, type Thing } from "./pictures/scene.js";

/** How many pictures, of which side in pixels; `onProgress` is told how many are done. */
export interface PicturesOptions {
  train?: number;
  val?: number;
  seed?: number;
  size?: number;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Draws a labelled set of pictures into the folder in YOLO's layout; gives the path of its data.yaml and the names of the
 * classes. The same options give the same pictures, and a folder that has them already is left as it is.
 * Throws a UserError where the folder holds another data set.
 */
export async function makePictures(
  folder: string,
  { train = 600, val = 150, seed = 0, size = 256, onProgress }: PicturesOptions = {},
): Promise<{ data: string; names: string[] }> {
  const data = resolve(folder, "data.yaml");
  const yaml = describe({ train, val, seed, size });
  const counts = { train, val };
  if (!(await isComplete(folder, yaml, counts))) {
    await clear(folder);
    const jobs = splits.flatMap((split) => Array.from({ length: counts[split] }, (_, index) => ({ split, index })));
    let done = 0;
    await inTurns(jobs, async ({ split, index }) => {
      const { jpeg, labels } = await drawPicture(seed, split, { index, size });
      await writeFile(join(folder, "images", split, `${nameOf(index)}.jpg`), jpeg);
      await writeFile(join(folder, "labels", split, `${nameOf(index)}.txt`), labels);
      onProgress?.(++done, jobs.length);
    });
    await writeFile(data, yaml);
  }
  return { data, names: [...names] };
}

/** One picture of a split: JPEG bytes and the text of its label file. */
export async function drawPicture(
  seed: number,
  split: Split,
  { index, size }: { index: number; size: number },
): Promise<{ jpeg: Buffer; labels: string }> {
  const { things, light, random } = sceneOf(seed, split, { index, size });
  const raw = { width: size, height: size, channels: 3 } as const;
  const jpeg = await sharp(ground(random.split("ground"), light, size), { raw })
    .composite([{ input: Buffer.from(paint(things, random.split("paint"), { size, light })) }])
    .jpeg({ quality: 92, chromaSubsampling: "4:4:4" })
    .toBuffer();
  return { jpeg, labels: things.map(({ name, box }) => labelRow(names.indexOf(name), box, size)).join("") };
}

/** What is in a picture and where, before it is painted; the objects in the order in which they are painted. */
export function sceneOf(
  seed: number,
  split: Split,
  { index, size }: { index: number; size: number },
): { things: Thing[]; light: Light; random: Rng } {
  const random = rng(seed, split, index);
  const light = lightOf(random);
  return { things: arrange(kindsOf(seed, split, { index, random }), random, size), light, random };
}

/** The two parts of the set. */
export type Split = "train" | "val";
const splits: Split[] = ["train", "val"];

/** Every class in every colour. */
const allKinds: Kind[] = names.flatMap((name) => Object.keys(palette).map((colour) => ({ name, colour })));

// Three to twelve. The first three are dealt from shuffled decks of all kinds, so that 24 pictures show each kind.
function kindsOf(seed: number, split: Split, { index, random }: { index: number; random: Rng }): Kind[] {
  const place = (index * 3) % allKinds.length;
  const deck = rng(seed, split, "deck", Math.floor((index * 3) / allKinds.length)).shuffle([...allKinds]);
  const more = Math.floor(10 * random.next() ** 1.5);
  return [...deck.slice(place, place + 3), ...Array.from({ length: more }, () => random.choice(allKinds))];
}

// From above, a little to either side.
function lightOf(random: Rng): Light {
  const angle = random.uniform(-2.6, -0.9);
  return { from: [Math.cos(angle), Math.sin(angle)] };
}

function labelRow(index: number, [x1, y1, x2, y2]: Box, size: number): string {
  const row = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1].map((value) => (value / size).toFixed(6));
  return `${index} ${row.join(" ")}\n`;
}

function describe(options: { train: number; val: number; seed: number; size: number }): string {
  const how = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  const rows = names.map((name, i) => `  ${i}: ${name}`);
  return [`${mark} ${how.join(" ")}`, "path: .", "train: images/train", "val: images/val", "names:", ...rows, ""].join(
    "\n",
  );
}

const mark = "# Pictures of the quickstart, version 1:";

async function isComplete(folder: string, yaml: string, counts: Record<Split, number>): Promise<boolean> {
  const data = join(folder, "data.yaml");
  if (!existsSync(data) || (await readFile(data, "utf8")) !== yaml) return false;
  for (const split of splits) {
    for (const kind of ["images", "labels"]) {
      const path = join(folder, kind, split);
      if (!existsSync(path) || (await readdir(path)).length !== counts[split]) return false;
    }
  }
  return true;
}

// data.yaml goes first and comes back last: where it is, the pictures are whole.
async function clear(folder: string): Promise<void> {
  const data = join(folder, "data.yaml");
  const foreign = existsSync(data)
    ? !(await readFile(data, "utf8")).startsWith(mark)
    : ["images", "labels"].some(
        (kind) => existsSync(join(folder, kind, "train")) === false && existsSync(join(folder, kind)),
      );
  if (foreign)
    throw new UserError(`${folder}: holds another data set, expected an empty folder or one of the quickstart`);
  await rm(data, { force: true });
  for (const kind of ["images", "labels"]) {
    await rm(join(folder, kind), { recursive: true, force: true });
    for (const split of splits) await mkdir(join(folder, kind, split), { recursive: true });
  }
}

function nameOf(index: number): string {
  return String(index).padStart(4, "0");
}

async function inTurns<T>(items: T[], work: (item: T) => Promise<void>, { together = 4 } = {}): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: together }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
