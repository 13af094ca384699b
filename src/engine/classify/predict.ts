import { basename, extname, join } from "node:path";
import { decodePicture, encodePicture, fitSquare, normalised, type Picture } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { hostArray } from "../../graph/index.js";
import type { ClassifyOptions } from "../config/index.js";
import { writeLines } from "../draw/index.js";
import { likeliest } from "../metrics/accuracy.js";
import { ahead, trailing } from "../overlap.js";
import { runFolder } from "../run/folder.js";
import { isVideo, listMedia } from "../sources/media.js";
import { stem } from "../stem.js";
import { writeAtomic } from "../weights/files.js";
import { type OpenedClassifier, openClassBackend } from "./backend.js";
import { runFilled } from "./forward.js";
import type { ClassifyCallContext } from "./val.js";

/** What a classifier says of one picture. */
export interface ClassPrediction {
  readonly task: "classify";
  readonly path: string;
  readonly width: number;
  readonly height: number;
  /** The likeliest classes, likeliest first. */
  readonly classes: readonly ClassGuess[];
  readonly ms: { readonly preprocess: number; readonly inference: number };
  /** Counted from 1, and pictures in all. */
  readonly image: number;
  readonly images: number;
  /** The folder of what was written; undefined when nothing was. */
  readonly run?: string;
}

export interface ClassGuess {
  readonly class: number;
  readonly name: string;
  readonly probability: number;
}

/** Classifies pictures, and writes what was asked for; a prediction a picture, as they come. */
export async function* classifyPictures(
  options: ClassifyOptions<"predict">,
  { extra, signal }: ClassifyCallContext = {},
): AsyncGenerator<ClassPrediction> {
  const { source, top } = options;
  if (source === undefined) throw new UserError("source expected: source=picture.jpg, a folder, a pattern or a list");
  const opened = await openClassBackend({ ...options, extra });
  try {
    const files = listMedia(source).filter((file) => !isVideo(file));
    if (files.length === 0) throw new UserError(`source=${source}: only videos, expected pictures`);
    const output = await createOutput(options);
    const decode = async (path: string) => ({ path, picture: await decodePicture(path) });
    async function* found(): AsyncGenerator<{ picture: Picture; prediction: ClassPrediction }> {
      let image = 0;
      for await (const { path, picture } of ahead(files, decode, { limit: 2 })) {
        signal?.throwIfAborted();
        const { width, height } = picture;
        const place = { image: ++image, images: files.length, ...output.place };
        const prediction = {
          task: "classify",
          path,
          width,
          height,
          ...(await look(opened, picture, top)),
          ...place,
        } as const;
        yield { picture, prediction };
      }
    }
    const write = (one: { picture: Picture; prediction: ClassPrediction }) =>
      output.picture(one.picture, one.prediction);
    for await (const { prediction } of trailing(found(), write, { limit: 2 })) yield prediction;
    await output.finish();
  } finally {
    await opened.backend.release();
  }
}

async function look({ backend, fit, imgsz }: OpenedClassifier, picture: Picture, top: number) {
  const begun = performance.now();
  const planes = normalised(fitSquare(picture, imgsz, fit));
  const prepared = performance.now();
  const [probabilities] = await runFilled(backend, hostArray("float32", [1, 3, imgsz, imgsz], planes));
  const done = performance.now();
  const classes = likeliest(probabilities, top).map((c) => ({
    class: c,
    name: backend.names[c] ?? `class${c}`,
    probability: probabilities[c],
  }));
  return { classes, ms: { preprocess: prepared - begun, inference: done - prepared } };
}

/** `0.87 roses` */
const lineOf = ({ name, probability }: ClassGuess): string => `${probability.toFixed(2)} ${name}`;

async function createOutput(o: ClassifyOptions<"predict">) {
  const writes = !o.nosave || o.save_txt || o.save_csv || o.save_json;
  const folder = writes ? await runFolder(o.project, o.name, { existOk: o.exist_ok }) : undefined;
  const csv: string[] = ["Image Name,Prediction,Confidence\n"];
  const records: object[] = [];
  return {
    place: folder === undefined ? {} : { run: folder },
    async picture(picture: Picture, { path, classes }: ClassPrediction): Promise<void> {
      const [best] = classes;
      csv.push(`${csvCell(basename(path))},${csvCell(best.name)},${best.probability.toFixed(2)}\n`);
      records.push({ path, classes });
      const files: [string, string | Uint8Array][] = [];
      if (o.save_txt)
        files.push([join(folder!, "labels", `${stem(path)}.txt`), classes.map((one) => `${lineOf(one)}\n`).join("")]);
      if (!o.nosave) {
        const png = extname(path).toLowerCase() === ".png";
        const drawn = writeLines(picture, classes.map(lineOf));
        files.push([
          join(folder!, `${stem(path)}.${png ? "png" : "jpg"}`),
          await encodePicture(drawn, png ? "png" : "jpg"),
        ]);
      }
      await writeAtomic(files);
    },
    async finish(): Promise<void> {
      if (o.save_csv) await writeAtomic([[join(folder!, "predictions.csv"), csv.join("")]]);
      if (o.save_json)
        await writeAtomic([[join(folder!, "predictions.json"), `${JSON.stringify(records, null, 1)}\n`]]);
    },
  };
}

const csvCell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
