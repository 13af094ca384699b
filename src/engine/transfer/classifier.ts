import { decodePicture, fitSquare, normalised, type Picture } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { hostArray } from "../../graph/index.js";
import { fittedWindows, type SwinConfig, trainedWindows } from "../../nn/index.js";
import { nativeClassifier } from "../classify/forward.js";
import { type OpenedWeights, openWeights } from "../classify/open.js";
import { likeliest } from "../metrics/accuracy.js";
import { saveCheckpoint } from "../run/checkpoint.js";
import { loadRuntime } from "../runtime.js";
import type { TransferContext, Transferred, TransferSettings } from "./index.js";
import { comparedPictures } from "./pictures.js";
import { provenanceOf } from "./provenance.js";

/** How the probabilities of classes changed on pictures. */
export interface ClassifyChanges {
  readonly pictures: number;
  /** The largest and the mean change of a class's probability. */
  readonly largest: number;
  readonly mean: number;
  /** Share of the pictures whose likeliest class is the same. */
  readonly agreement: number;
}

/** A Swin classifier for other windows and pictures: everything learned stays, tables and masks are made anew. */
export async function transferClassifier(
  settings: TransferSettings & { readonly weights: string; readonly file: string },
  context: TransferContext,
): Promise<Transferred> {
  const { weights, model, window, imgsz, file, extra, source } = settings;
  const before = await openWeights({ weights, model, extra });
  if (before.model.family !== "swinv2") throw new UserError(`${weights}: no Swin Transformer, so it has no windows`);
  const after = await openWeights({ weights, model, window, imgsz, extra });
  const [old, now] = [before, after].map(({ model: { config } }) => config as SwinConfig);
  const trained = trainedWindows(now);
  const [from, to] = [fittedWindows(old), fittedWindows(now)];
  await saveCheckpoint(file, after.weights, {
    task: "classify",
    model: after.yaml,
    names: after.names,
    imgsz: after.model.imageSize[0],
    fit: after.fit ?? "short",
    provenance: provenanceOf(after.sidecar, weights),
  });
  const changes = source === undefined ? undefined : await compare(before, after, { ...settings, source }, context);
  return {
    task: "classify",
    file,
    imgsz: [before.model.imageSize[0], after.model.imageSize[0]],
    windows: from.map((side, i) => ({ place: `stage ${i}`, from: side, to: to[i], trained: trained[i] })),
    ...(changes && { classify: changes }),
  };
}

async function compare(
  before: OpenedWeights,
  after: OpenedWeights,
  { source, device, threads }: TransferSettings & { readonly source: string },
  { signal, onProgress }: TransferContext,
): Promise<ClassifyChanges> {
  const runtime = await loadRuntime();
  const both = [before, after].map((opened) => ({
    opened,
    backend: nativeClassifier(runtime, opened, { device, threads }),
  }));
  const look = async (picture: Picture, { opened, backend }: (typeof both)[number]) => {
    const [side] = opened.model.imageSize;
    const planes = normalised(fitSquare(picture, side, opened.fit ?? "short"));
    return (await backend.run(hostArray("float32", [1, 3, side, side], planes)))[0];
  };
  let [pictures, same, largest, sum, numbers] = [0, 0, 0, 0, 0];
  try {
    const files = comparedPictures(source);
    for (const path of files) {
      signal?.throwIfAborted();
      const picture = await decodePicture(path);
      const [old, now] = [await look(picture, both[0]), await look(picture, both[1])];
      for (const [c, probability] of old.entries()) {
        const change = Math.abs(now[c] - probability);
        largest = Math.max(largest, change);
        sum += change;
      }
      numbers += old.length;
      if (likeliest(old, 1)[0] === likeliest(now, 1)[0]) same++;
      pictures++;
      onProgress?.(pictures, files.length);
    }
  } finally {
    for (const { backend } of both) await backend.release();
  }
  return { pictures, largest, mean: sum / numbers, agreement: same / pictures };
}
