import { basename, extname, join } from "node:path";
import { decodePicture, encodePicture, type Picture, readDataset } from "../data/index.js";
import { UserError } from "../errors/index.js";
import type { BlockDefinition } from "../nn/index.js";
import type { Options } from "./config/index.js";
import { annotate } from "./draw/annotate.js";
import { crop } from "./draw/crop.js";
import type { Box, StageTimes } from "./inference/detect.js";
import { Detector, type PredictOptions } from "./inference/detector.js";
import { ahead, trailing } from "./overlap.js";
import { runFolder } from "./run/folder.js";
import { isVideo, listMedia } from "./sources/media.js";
import { probeVideo, readFrames, type VideoInfo, type VideoWriter, writeVideo } from "./sources/video.js";
import { stem } from "./stem.js";
import { labelLines } from "./val.js";
import { writeAtomic } from "./weights/files.js";

/** What was found in one picture, or in one frame of a video. */
export interface Prediction {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly detections: readonly Box[];
  readonly ms: StageTimes;
  /** Of a picture, counted from 1; pictures in all. */
  readonly image?: number;
  readonly images?: number;
  /** Of a video, counted from 1; frames in all as far as the file tells. */
  readonly frame?: number;
  readonly frames?: number;
  /** The folder of what was written; undefined when nothing was. */
  readonly run?: string;
}

export interface PredictContext {
  readonly extra?: readonly BlockDefinition[];
  readonly signal?: AbortSignal;
}

/** Detects objects in pictures and videos, and writes what was asked for; a prediction a picture, as they come. */
export async function* predictRun(
  options: Options<"predict">,
  { extra, signal }: PredictContext = {},
): AsyncGenerator<Prediction> {
  const { weights, source } = options;
  if (weights === undefined) throw new UserError("weights expected: weights=best.safetensors");
  if (source === undefined)
    throw new UserError("source expected: source=picture.jpg, a folder, a pattern, a list or a video");
  const names = options.data === undefined ? undefined : readDataset(options.data, { need: [] }).names;
  const detector = await Detector.load(weights, {
    model: options.model,
    names,
    extra,
    device: options.device,
    half: options.half,
    threads: options.threads,
    augment: options.augment,
  });
  let image = 0;
  try {
    const files = listMedia(source);
    const output = await createOutput(options);
    const work = { detector, options, output, signal };
    const pictures = files.filter((file) => !isVideo(file));
    for await (const found of predictPictures(pictures, work)) {
      image++;
      yield { ...found, image, images: pictures.length };
    }
    for (const video of files.filter(isVideo)) yield* predictVideo(video, work);
    await output.finish();
  } finally {
    await detector.release();
  }
}

interface Work {
  readonly detector: Detector;
  readonly options: Options<"predict">;
  readonly output: Output;
  readonly signal?: AbortSignal;
}

const predictOptions = (o: Options<"predict">): PredictOptions => ({
  imgsz: o.imgsz,
  conf: o.conf,
  iou: o.iou,
  maxDet: o.max_det,
  classes: o.classes,
  agnostic: o.agnostic,
  rect: o.rect,
});

// How many pictures are decoded before their turn, and how many are drawn and written after it: sharp's and ffmpeg's threads do
// that while the network runs. (Several pictures a run would not be faster: on a CPU each takes longer then.)
const decodedAhead = 2;
const writtenBehind = 2;

interface Found {
  readonly picture: Picture;
  readonly prediction: Prediction;
}

async function* predictPictures(paths: readonly string[], work: Work): AsyncGenerator<Prediction> {
  const { detector, options, output, signal } = work;
  async function* found(): AsyncGenerator<Found> {
    const decode = async (path: string) => ({ path, picture: await decodePicture(path) });
    for await (const { path, picture } of ahead(paths, decode, { limit: decodedAhead })) {
      signal?.throwIfAborted();
      yield { picture, prediction: { path, ...(await look(detector, picture, options)), ...output.place() } };
    }
  }
  const write = ({ picture, prediction }: Found) => output.picture(picture, prediction);
  for await (const { prediction } of trailing(found(), write, { limit: writtenBehind })) yield prediction;
}

async function* predictVideo(path: string, { detector, options, output, signal }: Work): AsyncGenerator<Prediction> {
  const video = await probeVideo(path);
  const stride = options.vid_stride;
  const frames = Math.ceil(video.frames / stride);
  const writer = output.video(path, { ...video, fps: video.fps / stride });
  async function* found(): AsyncGenerator<Found> {
    let frame = 0;
    for await (const picture of readFrames(path, video, stride)) {
      signal?.throwIfAborted();
      frame++;
      const seen = await look(detector, picture, options);
      yield { picture, prediction: { path, ...seen, frame, frames, ...output.place() } };
    }
  }
  let whole = false;
  const write = ({ picture, prediction }: Found) => output.frame(picture, prediction, writer);
  try {
    for await (const { prediction } of trailing(found(), write, { limit: writtenBehind, single: true }))
      yield prediction;
    await writer?.close();
    whole = true;
  } finally {
    if (!whole) await writer?.abort();
  }
}

async function look(detector: Detector, picture: Picture, options: Options<"predict">) {
  const [{ boxes, ms }] = await detector.predict(picture, predictOptions(options));
  return { width: picture.width, height: picture.height, detections: boxes, ms };
}

/** Where predictions go. */
interface Output {
  place(): { run?: string };
  picture(picture: Picture, prediction: Prediction): Promise<void>;
  video(path: string, info: VideoInfo): VideoWriter | undefined;
  frame(picture: Picture, prediction: Prediction, writer: VideoWriter | undefined): Promise<void>;
  finish(): Promise<void>;
}

async function createOutput(o: Options<"predict">): Promise<Output> {
  const writes = !o.nosave || o.save_txt || o.save_crop || o.save_csv || o.save_json;
  const folder = writes ? await runFolder(o.project, o.name, { existOk: o.exist_ok }) : undefined;
  const taken = new Set<string>();
  const csv: string[] = ["Image Name,Prediction,Confidence\n"];
  const records: object[] = [];
  const drawn = (picture: Picture, boxes: readonly Box[]) =>
    annotate(
      picture,
      [...boxes].reverse().map((box) => ({ xyxy: box.xyxy.map(Math.round), class: box.class, label: labelOf(box, o) })),
      { lineWidth: o.line_thickness },
    );

  // Everything that depends on the order of pictures is done before the first wait: several are written at once.
  const texts = async (picture: Picture, { path, detections, frame }: Prediction) => {
    const base = stem(path) + (frame === undefined ? "" : `_${frame}`);
    const files: [string, string | Uint8Array][] = [];
    if (o.save_txt && detections.length > 0)
      files.push([join(folder!, "labels", `${base}.txt`), labelLines(rowsOf(detections), picture, o.save_conf)]);
    const crops = (o.save_crop ? [...detections].reverse() : []).map(({ name, xyxy }) => ({
      file: unused(join(folder!, "crops", safeName(name)), base, taken),
      xyxy,
    }));
    for (const { name, confidence } of detections)
      csv.push(`${csvCell(basename(path))},${csvCell(name)},${confidence.toFixed(2)}\n`);
    if (o.save_json) records.push({ path, ...(frame !== undefined && { frame }), detections });
    for (const { file, xyxy } of crops) files.push([file, await encodePicture(crop(picture, xyxy), "jpg")]);
    await writeAtomic(files);
  };

  return {
    place: () => (folder === undefined ? {} : { run: folder }),
    async picture(picture, prediction) {
      await texts(picture, prediction);
      if (o.nosave) return;
      const ending = extname(prediction.path).toLowerCase();
      const png = ending === ".png";
      const name = stem(prediction.path) + (png || ending === ".jpg" || ending === ".jpeg" ? ending : ".jpg");
      await writeAtomic([
        [join(folder!, name), await encodePicture(drawn(picture, prediction.detections), png ? "png" : "jpg")],
      ]);
    },
    video: (path, info) => (o.nosave ? undefined : writeVideo(join(folder!, `${stem(path)}.mp4`), info)),
    async frame(picture, prediction, writer) {
      await texts(picture, prediction);
      await writer?.write(drawn(picture, prediction.detections));
    },
    async finish() {
      if (o.save_csv) await writeAtomic([[join(folder!, "predictions.csv"), csv.join("")]]);
      if (o.save_json)
        await writeAtomic([[join(folder!, "predictions.json"), `${JSON.stringify(records, null, 1)}\n`]]);
    },
  };
}

const labelOf = ({ name, confidence }: Box, o: Options<"predict">): string | undefined =>
  o.hide_labels ? undefined : o.hide_conf ? name : `${name} ${confidence.toFixed(2)}`;

const rowsOf = (boxes: readonly Box[]): Float32Array =>
  Float32Array.from(boxes.flatMap(({ xyxy, confidence, class: c }) => [...xyxy, confidence, c]));

// A class name as a folder's name: nothing that leads elsewhere.
const safeName = (name: string): string => name.replace(/[^\p{L}\p{N} _.-]/gu, "_").replace(/^\.+/, "_") || "_";

const csvCell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);

function unused(folder: string, base: string, taken: Set<string>): string {
  for (let n = 1; ; n++) {
    const file = join(folder, `${base}${n === 1 ? "" : n}.jpg`);
    if (!taken.has(file)) {
      taken.add(file);
      return file;
    }
  }
}
