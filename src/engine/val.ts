import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createLoader, type Loader, readDataset, scanSplit } from "../data/index.js";
import { UserError } from "../errors/index.js";
import type { BlockDefinition } from "../nn/index.js";
import type { Options } from "./config/index.js";
import { type ClassResult, type Evaluation, evaluate, lateMessage, type PictureResult } from "./evaluate.js";
import { augmentedBackend } from "./inference/augmented.js";
import type { Backend, StageTimes } from "./inference/detect.js";
import { nativeBackend } from "./inference/native.js";
import { openOnnxFile } from "./inference/onnxFile.js";
import { coco80, cocoRecords } from "./metrics/coco/index.js";
import { type CocoScores, scoreCoco } from "./metrics/cocoScores.js";
import { openModel } from "./model.js";
import { runFolder } from "./run/folder.js";
import { valPlots } from "./run/plots.js";
import { generalFormat } from "./run/results.js";
import { loadRuntime } from "./runtime.js";
import { stem } from "./stem.js";
import { checkHalfOf } from "./training/lossScale.js";
import { writeAtomic } from "./weights/files.js";

/** What `val` finds. */
export interface ValResult {
  readonly precision: number;
  readonly recall: number;
  readonly map50: number;
  readonly map: number;
  readonly images: number;
  readonly instances: number;
  readonly classes: readonly ClassResult[];
  /** The 12 figures of the COCO evaluation; null without annotations. */
  readonly coco: CocoScores | null;
  readonly ms: StageTimes;
  /** The folder of what was written; undefined when nothing was. */
  readonly run?: string;
  /** What was mended or left out in the data. */
  readonly messages: readonly string[];
}

export interface ValContext {
  readonly extra?: readonly BlockDefinition[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Validates weights on a data set's split. */
export async function valRun(
  options: Options<"val">,
  { extra, signal, onProgress }: ValContext = {},
): Promise<ValResult> {
  const { weights, data } = options;
  if (weights === undefined) throw new UserError("weights expected: weights=best.safetensors");
  if (data === undefined) throw new UserError("data expected: data=data.yaml");
  const dataset = readDataset(data, { need: [options.split] });
  const backend = await openBackend(options, extra);
  if (backend.names.length !== dataset.nc && !options.single_cls) {
    await backend.release();
    throw new UserError(`${weights} knows ${backend.names.length} classes, ${data} has ${dataset.nc}`);
  }
  const scan = await scanSplit(dataset.splits[options.split], { nc: dataset.nc, singleCls: options.single_cls });
  const loader = openLoader(scan.entries, backend, options);
  const results: PictureResult[] = [];
  const folder = writesFiles(options)
    ? await runFolder(options.project, options.name, { existOk: options.exist_ok })
    : undefined;
  const plots = folder === undefined || options.noplots ? undefined : valPlots(folder, dataset.names);
  try {
    const found = await evaluate((images) => backend.run(images).then((rows) => ({ rows, maps: [] })), loader, {
      names: dataset.names,
      conf: options.conf,
      iou: options.iou,
      maxDet: options.max_det,
      singleCls: options.single_cls,
      signal,
      onBatch: plots?.batch,
      onPicture: (result) => {
        results.push(result);
        plots?.picture(result);
        onProgress?.(results.length, scan.counts.images);
      },
    });
    const coco = options.annotations === undefined ? null : scoreCoco(readAnnotations(options.annotations), results);
    await plots?.finish(found.metrics);
    if (folder !== undefined) await writeResults(folder, results, options);
    const leftOut = scan.problems.map(
      ({ file, line, what }) => `left out: ${file}${line > 0 ? `:${line}` : ""}: ${what}`,
    );
    const messages = [...leftOut, ...lateMessage(found)];
    return { ...figures(found), coco, ...(folder !== undefined && { run: folder }), messages };
  } finally {
    await loader.close();
    await backend.release();
  }
}

const figures = ({ precision, recall, map50, map, images, instances, classes, ms }: Evaluation) => ({
  precision,
  recall,
  map50,
  map,
  images,
  instances,
  classes,
  ms,
});

async function openBackend(options: Options<"val">, extra?: readonly BlockDefinition[]): Promise<Backend> {
  const runtime = await loadRuntime();
  const session = { device: options.device, threads: options.threads, half: options.half };
  const weights = options.weights as string;
  if (options.half) await checkHalfOf(runtime, weights, options.device);
  if (/\.onnx$/i.test(weights)) {
    const backend = await openOnnxFile(runtime, weights, session);
    if (backend.selected)
      throw new UserError(`${weights}: it has non-maximum suppression inside; export without nms to validate`);
    return backend;
  }
  const loaded = await openModel({ model: options.model, weights, extra, keepAnchors: true });
  const backend = nativeBackend(runtime, loaded, session);
  return options.augment ? augmentedBackend(backend, loaded.model.strides) : backend;
}

// Networks of a fixed size get square pictures, one batch as they take it.
function openLoader(entries: Parameters<typeof createLoader>[0], backend: Backend, options: Options<"val">): Loader {
  const [height, width] = options.imgsz;
  const fixed = backend.fixed;
  const imgsz = Math.max(fixed?.height ?? height, fixed?.width ?? width);
  const rect = options.rect && !fixed;
  return createLoader(entries, {
    imgsz: Math.ceil(imgsz / backend.stride) * backend.stride,
    batch: options.augment ? 1 : (fixed?.batch ?? options.batch),
    rect,
    pad: rect ? 0.5 : 0,
    stride: backend.stride,
    workers: options.workers ?? 1,
    decode: options.decode,
  });
}

function readAnnotations(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UserError(`annotations=${file}: COCO annotations (JSON) expected: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

const writesFiles = ({ noplots, save_txt, save_json }: Options<"val">): boolean => !noplots || save_txt || save_json;

async function writeResults(folder: string, results: readonly PictureResult[], options: Options<"val">): Promise<void> {
  const { save_txt, save_json } = options;
  const coco = /(^|[\\/])coco\w*\.ya?ml$/i.test(options.data ?? "");
  const categories = coco ? coco80 : undefined;
  const files: [string, string][] = [];
  if (save_txt) {
    for (const { source, detections } of results) {
      files.push([
        join(folder, "labels", `${stem(source.path)}.txt`),
        labelLines(detections, source, options.save_conf),
      ]);
    }
  }
  if (save_json)
    files.push([
      join(folder, `${stem(String(options.weights))}_predictions.json`),
      JSON.stringify(
        results.flatMap(({ source, detections }) => cocoRecords(stem(source.path), detections, { categories })),
      ),
    ]);
  await writeAtomic(files);
}

/** Detections as lines of a label file, least confident first: class, centre and size in fractions, and the confidence. */
export function labelLines(
  rows: Float32Array,
  { width, height }: { width: number; height: number },
  withConf: boolean,
): string {
  const lines: string[] = [];
  for (let i = rows.length - 6; i >= 0; i -= 6) {
    const [x1, y1, x2, y2, conf, c] = rows.subarray(i, i + 6);
    const numbers = [
      c,
      (x1 + x2) / 2 / width,
      (y1 + y2) / 2 / height,
      (x2 - x1) / width,
      (y2 - y1) / height,
      ...(withConf ? [conf] : []),
    ];
    lines.push(`${numbers.map((value) => generalFormat(value, 6)).join(" ")}\n`);
  }
  return lines.join("");
}
