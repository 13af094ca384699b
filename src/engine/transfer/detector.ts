import { decodePicture, rng } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { buildModel, initialState, namedParams, type RowWindows, rowWindows, withRowWindows } from "../../nn/index.js";
import { type Box, detect } from "../inference/detect.js";
import { nativeBackend } from "../inference/native.js";
import { type LoadedModel, openModel } from "../model.js";
import { saveCheckpoint } from "../run/checkpoint.js";
import { loadRuntime } from "../runtime.js";
import { isSwinBuffer } from "../weights/swinState.js";
import { transfer } from "../weights/transfer.js";
import type { TransferContext, Transferred, TransferSettings, WindowChange } from "./index.js";
import { comparedPictures } from "./pictures.js";
import { provenanceOf } from "./provenance.js";

/** How detections changed on pictures. */
export interface DetectChanges {
  readonly pictures: number;
  /** Detections before and after, and those that are the same object: one class, boxes that overlap by half. */
  readonly before: number;
  readonly after: number;
  readonly kept: number;
  /** Change of the confidence of kept ones. */
  readonly largest: number;
  readonly mean: number;
  /** Mean overlap of the boxes of kept ones. */
  readonly overlap: number;
}

/** A detector with Swin V2 rows for other windows: everything learned stays, tables and masks are made anew. */
export async function transferDetector(
  settings: TransferSettings & { readonly weights: string; readonly file: string },
  context: TransferContext,
): Promise<Transferred> {
  const { weights, model: file, window, extra, source } = settings;
  const before = await openModel({ weights, model: file, extra, keepAnchors: true });
  const { stride, layers } = before.model;
  const trained = Number(before.sidecar?.imgsz ?? 640);
  const imgsz = settings.imgsz ?? trained;
  if (imgsz % stride) throw new UserError(`imgsz=${imgsz}: a multiple of the model's stride ${stride} expected`);
  const old = rowWindows(layers, extra);
  if (old.length === 0)
    throw new UserError(`${weights}: no rows with windows (SwinV2_CSPB, SwinTransformer2Block, SwinV2Backbone, ...)`);
  const now = resized(old, window);
  const after = rebuilt(before, withRowWindows(before.yaml, now, extra), extra);
  await saveCheckpoint(settings.file, after.weights, {
    model: after.yaml,
    names: after.names,
    imgsz,
    stride,
    ...hypOf(before),
    provenance: provenanceOf(before.sidecar, weights),
  });
  const both = { before: { loaded: before, imgsz: trained }, after: { loaded: after, imgsz } };
  const changes = source === undefined ? undefined : await compare(both, { ...settings, source }, context);
  return {
    task: "detect",
    file: settings.file,
    imgsz: [trained, imgsz],
    windows: old.flatMap((one, i) => changesOf(one, now[i])),
    ...(changes && { detect: changes }),
  };
}

// One side for all rows, or one a row.
function resized(old: readonly RowWindows[], window: readonly number[] | undefined): RowWindows[] {
  if (window && window.length !== 1 && window.length !== old.length) {
    throw new UserError(
      `window=${window.join(",")}: got ${window.length} sides, expected 1 or ${old.length}, one a row`,
    );
  }
  return old.map((one, i) => ({ ...one, window: window?.[window.length === 1 ? 0 : i] ?? one.window }));
}

// What the model learned under a YAML with other windows.
function rebuilt(before: LoadedModel, yaml: object, extra: TransferSettings["extra"]): LoadedModel {
  const named = { ...yaml, nc: before.model.nc };
  const model = buildModel(named, { extra });
  const weights = initialState(model.module, rng("transfer"));
  const wanted = new Map(
    [...namedParams(model.module)].map(([name, { tensor }]) => [name, { dtype: tensor.dtype, shape: tensor.shape }]),
  );
  const learned = new Map([...before.weights].filter(([name]) => !isSwinBuffer(name)));
  for (const [name, array] of transfer(learned, wanted).tensors) weights.set(name, array);
  return { ...before, model, yaml: named, weights };
}

const hypOf = ({ sidecar }: LoadedModel): { hyp?: Record<string, unknown> } =>
  typeof sidecar?.hyp === "object" && sidecar.hyp !== null ? { hyp: sidecar.hyp as Record<string, unknown> } : {};

function changesOf(old: RowWindows, now: RowWindows): WindowChange[] {
  const place = `row ${old.row} (${old.module})`;
  const stages = [old.window, now.window, old.trained].map((sides) => (typeof sides === "number" ? 1 : sides.length));
  return Array.from({ length: Math.max(...stages) }, (_, i) => {
    const at = (sides: number | readonly number[]) => (typeof sides === "number" ? sides : sides[i]);
    const name = Math.max(...stages) > 1 ? `${place}, stage ${i}` : place;
    return { place: name, from: at(old.window), to: at(now.window), trained: at(old.trained) };
  });
}

interface Sized {
  readonly loaded: LoadedModel;
  readonly imgsz: number;
}

async function compare(
  sized: { readonly before: Sized; readonly after: Sized },
  { source, conf, iou, device, threads }: TransferSettings & { readonly source: string },
  { signal, onProgress }: TransferContext,
): Promise<DetectChanges> {
  const runtime = await loadRuntime();
  const open = ({ loaded, imgsz }: Sized) => ({
    backend: nativeBackend(runtime, loaded, { device, threads }),
    options: { imgsz: [imgsz, imgsz], conf, iou } as const,
  });
  const [old, now] = [open(sized.before), open(sized.after)];
  const kept: Pair[] = [];
  let [pictures, before, after] = [0, 0, 0];
  try {
    const files = comparedPictures(source);
    for (const path of files) {
      signal?.throwIfAborted();
      const picture = await decodePicture(path);
      const { boxes: first } = await detect(old.backend, picture, old.options);
      const { boxes: second } = await detect(now.backend, picture, now.options);
      before += first.length;
      after += second.length;
      kept.push(...pairsOf(first, second));
      pictures++;
      onProgress?.(pictures, files.length);
    }
  } finally {
    await old.backend.release();
    await now.backend.release();
  }
  const confidences = kept.map(({ change }) => change);
  return {
    pictures,
    before,
    after,
    kept: kept.length,
    largest: Math.max(0, ...confidences),
    mean: meanOf(confidences),
    overlap: meanOf(kept.map(({ overlap }) => overlap)),
  };
}

interface Pair {
  /** Of the confidence. */
  readonly change: number;
  readonly overlap: number;
}

/** The objects found by both: most confident first, each takes what overlaps it most of the same class, by half at least. */
export function pairsOf(before: readonly Box[], after: readonly Box[]): Pair[] {
  const left = [...after];
  return before.flatMap((one) => {
    const overlaps = left.map((other) => (other.class === one.class ? overlapOf(one.xyxy, other.xyxy) : 0));
    const overlap = Math.max(0, ...overlaps);
    if (overlap < 0.5) return [];
    const [other] = left.splice(overlaps.indexOf(overlap), 1);
    return [{ change: Math.abs(other.confidence - one.confidence), overlap }];
  });
}

// Intersection over union.
function overlapOf(a: Box["xyxy"], b: Box["xyxy"]): number {
  const area = ([x1, y1, x2, y2]: Box["xyxy"]) => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
  const common = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  const all = area(a) + area(b) - common;
  return all > 0 ? common / all : 0;
}

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
