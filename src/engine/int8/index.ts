import { type Dataset, type Entry, readDataset } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { type Graph, type HostArray, type Node, quantizableLayers, quantize, type Runtime } from "../../graph/index.js";
import { type Evaluation, evaluate } from "../evaluate.js";
import { calibrate } from "./calibrate.js";
import { asBatch, openNetwork } from "./network.js";
import { batchesOf, entriesOf, type Fitting, letterboxed, spread } from "./pictures.js";
import type { Calibration } from "./ranges.js";
import { fewestKept, type Sensitivity, sensitivities } from "./search.js";

export interface Int8Settings {
  /** The data set: calibrated on its `train` pictures, measured on those of `val`. */
  readonly data: string;
  readonly calibration: Calibration;
  /** Absolute values that `percentile` keeps, in percent. */
  readonly percentile: number;
  readonly calibration_images: number;
  /** Points of mAP50-95 that may be lost. */
  readonly int8_drop: number;
}

/** A figure of the float32 export and of the 8-bit one. */
export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** What 8 bits cost. */
export interface Int8Result {
  readonly map50: BeforeAfter;
  /** mAP50-95 on the pictures of `val`. */
  readonly map: BeforeAfter;
  /** Pictures of `val`, and those that the layers to keep were chosen on. */
  readonly images: number;
  readonly searchImages: number;
  readonly calibration: Calibration;
  readonly calibrationImages: number;
  /** Convolutions and linear layers that could be in 8 bits. */
  readonly layers: number;
  /** Those that stayed in float32, the most sensitive first. */
  readonly kept: readonly string[];
  /** Signal to noise at the raw maps of each layer alone in 8 bits, worst first; null where nothing had to be kept. */
  readonly sensitivity: readonly { readonly layer: string; readonly decibels: number }[] | null;
}

export interface Int8Context extends Fitting {
  readonly runtime: Runtime;
  /** Names of the classes. */
  readonly names: readonly string[];
  readonly layerName: (layer: Node) => string;
  readonly onProgress?: (text: string) => void;
}

/** Pictures that layers are chosen on, and those that their sensitivity is measured on. */
const searchPictures = 500;
const sensitivityPictures = 8;

/**
 * The graph (float32, from pictures 0 to 1 to `rows` and `map.*`) in 8 bits. Layers stay in float32, the most sensitive
 * first, as few as keep the loss of mAP50-95 within `int8_drop` points.
 * @throws UserError when the data does not fit the model or lacks pictures.
 */
export async function toInt8(
  g: Graph,
  settings: Int8Settings,
  context: Int8Context,
): Promise<{ graph: Graph; images: HostArray; result: Int8Result }> {
  const { runtime, batch, onProgress } = context;
  const dataset = readDataset(settings.data, { need: ["train", "val"] });
  checkClasses(dataset, context);
  const calibration = await entriesOf(dataset, "train", settings.calibration_images);
  const batches = await batchesOf(letterboxed(calibration, context));
  const ranges = await calibrate(runtime, g, batches, {
    method: settings.calibration,
    percentile: settings.percentile,
    onProgress: (done, total) => onProgress?.(`Calibrating ${done}/${total}`),
  });
  const val = await entriesOf(dataset, "val");
  const few = spread(val, searchPictures);
  const measured = (graph: Graph, entries: readonly Entry[]) => measure(graph, entries, context);
  const before = await measured(g, few);
  const search = { runtime, g, ranges, onProgress };
  const layers = quantizableLayers(g);
  let order: Sensitivity[] | undefined;
  const attempt = async (kept: number) => {
    order ??=
      kept > 0 ? await sensitivities(search, spread(batches, Math.ceil(sensitivityPictures / batch))) : undefined;
    const keep = new Set(order?.slice(0, kept).map(({ layer }) => layer));
    const graph = quantize(g, ranges, { keep: (node) => keep.has(node) });
    return { keep, graph, found: await measured(graph, few) };
  };
  const tried = new Map<number, Awaited<ReturnType<typeof attempt>>>();
  const kept = await fewestKept(layers.length, async (number) => {
    const one = await attempt(number);
    tried.set(number, one);
    const drop = 100 * (before.map - one.found.map);
    onProgress?.(`${number} of ${layers.length} layers in float32: mAP50-95 ${signed(-drop)} points`);
    return drop <= settings.int8_drop;
  });
  // Keeping all of them is the way out that is not tried.
  const chosen = tried.get(kept) ?? (await attempt(kept));
  const all = few.length === val.length;
  const [first, last] = all ? [before, chosen.found] : [await measured(g, val), await measured(chosen.graph, val)];
  return {
    graph: chosen.graph,
    images: asBatch(batches[0], batch),
    result: {
      map50: { before: first.map50, after: last.map50 },
      map: { before: first.map, after: last.map },
      images: val.length,
      searchImages: few.length,
      calibration: settings.calibration,
      calibrationImages: calibration.length,
      layers: layers.length,
      kept: [...chosen.keep].map(context.layerName),
      sensitivity: order?.map(({ layer, decibels }) => ({ layer: context.layerName(layer), decibels })) ?? null,
    },
  };
}

function checkClasses({ file, nc }: Dataset, { names }: Int8Context): void {
  if (nc !== names.length) throw new UserError(`the model knows ${names.length} classes, ${file} has ${nc}`);
}

const signed = (points: number): string => `${points < 0 ? "" : "+"}${points.toFixed(2)}`;

// As `val` measures an exported file.
async function measure(g: Graph, entries: readonly Entry[], context: Int8Context): Promise<Evaluation> {
  const network = await openNetwork(context.runtime, g, (name) => name === "rows");
  const loader = letterboxed(entries, context);
  try {
    return await evaluate((images) => network.run(images), loader, { names: context.names });
  } finally {
    await loader.close();
    await network.release();
  }
}
