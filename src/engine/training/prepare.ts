import {
  autoAnchor,
  createLoader,
  type Dataset,
  diskCacheFolder,
  type Loader,
  readDataset,
  rng,
  type Scan,
  scanSplit,
} from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { hostArray } from "../../graph/index.js";
import type { BlockDefinition } from "../../nn/index.js";
import { type LoadedModel, openModel } from "../model.js";
import { formatReport } from "../weights/transfer.js";
import { augmentHyp, type Hyp, loadersOf, sizeFor, type TrainSettings } from "./settings.js";

/** Everything a training run stands on. */
export interface Prepared {
  readonly dataset: Dataset;
  readonly names: readonly string[];
  readonly loaded: LoadedModel;
  readonly imgsz: number;
  readonly train: { readonly scan: Scan; readonly loader: Loader };
  readonly val: { readonly scan: Scan; readonly loader: Loader };
  /** What the user should know, in the order it was found. */
  readonly messages: readonly string[];
  close(): Promise<void>;
}

export interface PrepareOptions {
  readonly hyp: Hyp;
  readonly extra?: readonly BlockDefinition[];
  /** Weights that a resumed run goes on with; they bring model and anchors. */
  readonly resumed?: string;
  readonly onScan?: (split: string, done: number, total: number) => void;
}

/** Reads data and model, checks that they fit, fits anchors, and opens the loaders. */
export async function prepare(
  settings: TrainSettings,
  { hyp, extra, resumed, onScan }: PrepareOptions,
): Promise<Prepared> {
  const messages: string[] = [];
  const dataset = readDataset(settings.data);
  messages.push(...dataset.warnings);
  const names = settings.single_cls && dataset.nc > 1 ? ["item"] : dataset.names;
  const source = resumed
    ? { weights: resumed }
    : { model: settings.model, weights: settings.weights, anchors: hyp.anchors };
  const loaded = await openModel({ ...source, names, extra, seed: settings.seed, keepAnchors: resumed !== undefined });
  if (loaded.report && !resumed) messages.push(formatReport(loaded.report));
  const { imgsz, stride } = sizeFor(settings.imgsz, loaded.model.stride);
  if (imgsz !== settings.imgsz)
    messages.push(
      `imgsz=${settings.imgsz} is no multiple of the stride ${stride} from ${2 * stride} on; ${imgsz} is taken`,
    );
  const scan = (split: "train" | "val") =>
    scanSplit(dataset.splits[split], {
      nc: dataset.nc,
      singleCls: settings.single_cls,
      needLabels: split === "train",
      onProgress: (done, total) => onScan?.(split, done, total),
    });
  const scans = { train: await scan("train"), val: await scan("val") };
  for (const [split, { counts, problems }] of Object.entries(scans)) {
    messages.push(
      `${split}: ${counts.images} pictures, ${counts.objects} objects, ${counts.backgrounds} without objects, ${counts.corrupt} left out`,
    );
    for (const { file, line, what } of problems.slice(0, 5))
      messages.push(`left out: ${file}${line > 0 ? `:${line}` : ""}: ${what}`);
    if (problems.length > 5) messages.push(`left out: ${problems.length - 5} more; check-data lists all`);
  }
  if (!resumed && !settings.noautoanchor)
    messages.push(fitAnchors(loaded, scans.train, { imgsz, hyp, seed: settings.seed }));
  const workers = loadersOf(settings);
  const cache = settings.cache === "val" ? false : settings.cache;
  const folder = settings.cache === "disk" ? diskCacheFolder(dataset) : undefined;
  const train = createLoader(scans.train.entries, {
    imgsz,
    batch: Math.min(settings.batch, scans.train.entries.length),
    hyp: augmentHyp(hyp),
    rect: settings.rect,
    stride,
    seed: settings.seed,
    workers,
    cache,
    cacheFolder: folder,
    decode: settings.decode,
  });
  const val = createLoader(scans.val.entries, {
    imgsz,
    batch: settings.batch * 2,
    rect: true,
    pad: 0.5,
    stride,
    workers: Math.min(workers, 1),
    cache: settings.cache === "val" ? "ram" : settings.noval ? false : cache,
    cacheFolder: folder,
    decode: settings.decode,
  });
  messages.push(...train.warnings, ...val.warnings);
  return {
    dataset,
    names,
    loaded,
    imgsz,
    train: { scan: scans.train, loader: train },
    val: { scan: scans.val, loader: val },
    messages,
    close: async () => {
      await train.close();
      await val.close();
    },
  };
}

// Keeps the model's anchors or puts better ones into its weights; returns what to say about it.
function fitAnchors(
  { model, weights }: LoadedModel,
  scan: Scan,
  { imgsz, hyp, seed }: { imgsz: number; hyp: Hyp; seed: number },
): string {
  const stored = weights.get(model.anchorsName)!;
  const perLevel = stored.data.length / model.strides.length;
  const strideOf = (i: number) => model.strides[Math.floor(i / perLevel)];
  const pixels = Float32Array.from(stored.data as Float32Array, (side, i) => side * strideOf(i));
  const sized = scan.entries.map(({ width, height, labels }) => ({ width, height, boxes: labels.boxes }));
  const { anchors, changed, before, after } = autoAnchor(sized, pixels, {
    imgsz,
    thr: hyp.anchor_t,
    rng: rng(seed, "anchors"),
  });
  const found = `${before.anchorsAboveThreshold.toFixed(2)} anchors a target, best possible recall ${before.bestPossibleRecall.toFixed(3)}`;
  if (!changed) return `anchors: ${found}; kept`;
  if (anchors.length !== pixels.length) throw new UserError("anchors: the fit gave another number of anchors");
  weights.set(
    model.anchorsName,
    hostArray(
      "float32",
      stored.shape,
      anchors.map((side, i) => side / strideOf(i)),
    ),
  );
  return `anchors: ${found}; new ones fitted, best possible recall ${after!.bestPossibleRecall.toFixed(3)}`;
}
