import { type Fit, rng } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { type HostArray, hostArray, isFloating, toFloat32 } from "../../graph/index.js";
import {
  type BlockDefinition,
  buildClassifier,
  type Classifier,
  initialState,
  isClassifier,
  namedParams,
  resizedSwin,
  type SwinClassifier,
} from "../../nn/index.js";
import { fits } from "../config/classifyChoices.js";
import { readModelFile } from "../model.js";
import { loadWeights, type Weights } from "../weights/load.js";
import { type TransferReport, transfer } from "../weights/transfer.js";

/** A classifier with numbers for all its weights. */
export interface LoadedClassifier {
  readonly model: Classifier;
  /** The model's YAML, with the classes and picture size that it is built for. */
  readonly yaml: object;
  readonly weights: Map<string, HostArray>;
  readonly names: readonly string[];
  /** How pictures are fitted, where the weights say it. */
  readonly fit?: Fit;
  /** The seed of the run that the weights are of, which an unsplit folder was split by. */
  readonly seed?: number;
  /** How weights of a file went into the model; undefined for fresh ones. */
  readonly report?: TransferReport;
}

export interface ClassifierSource {
  /** A model YAML: a path, or the name of one that we ship. */
  readonly model?: string;
  /** Weights to take over; alone, they bring their model. */
  readonly weights?: string;
  /** Class names, instead of the file's. */
  readonly names?: readonly string[];
  /** Side of the pictures, instead of the model's. */
  readonly imgsz?: number;
  readonly dropPath?: number;
  readonly extra?: readonly BlockDefinition[];
  /** Seed of fresh weights. */
  readonly seed?: number;
}

/**
 * Builds a classifier: from a YAML with fresh weights, from weights alone, or from a YAML with what fits of the weights.
 * @throws UserError when neither is given, the weights do not say their model, or a file is not what it should be.
 */
export async function openClassifier(source: ClassifierSource): Promise<LoadedClassifier> {
  const { model: file, weights: weightsFile, extra, dropPath, seed = 0 } = source;
  const loaded = weightsFile ? await loadWeights(weightsFile) : undefined;
  const given = file ? readModelFile(file) : yamlOf(loaded, weightsFile);
  if (!isClassifier(given.yaml)) throw new UserError(`${file ?? weightsFile}: a detector, expected a classifier`);
  const names = source.names ?? (file ? undefined : loaded?.names);
  const options = { nc: names?.length, dropPath, extra, place: given.place };
  const trainedAt = file ? undefined : (loaded?.sidecar?.imgsz as number | undefined);
  const { model, yaml } = sized(given.yaml, { ...source, imgsz: source.imgsz ?? trainedAt }, options);
  const weights = initialState(model.module, rng(seed, "weights"));
  const numbered = () => Array.from({ length: model.classes }, (_, i) => `class${i}`);
  if (!loaded) return { model, yaml, weights, names: names ?? numbered() };
  // Tables that follow from the windows are the model's own.
  const learned = [...namedParams(model.module)].filter(([, { kind }]) => kind !== "derived");
  const wanted = new Map(learned.map(([name, { tensor }]) => [name, tensor]));
  const { tensors, report } = transfer(loaded.tensors, wanted as never);
  for (const [name, array] of tensors) weights.set(name, widen(array));
  const absent = [...report.missing, ...report.resized.map(({ name }) => name)].filter(
    (name) => source.names === undefined || !model.headNames.includes(name),
  );
  if (!file && absent.length > 0)
    throw new UserError(`${weightsFile}: ${absent.length} tensors of its model are missing (${absent[0]}, ...)`);
  const fit = fits.find((one) => one === loaded.sidecar?.fit);
  const { seed: trained } = (loaded.sidecar?.provenance ?? {}) as { seed?: string };
  return {
    model,
    yaml,
    weights,
    names: names ?? loaded.names ?? numbered(),
    fit,
    ...(trained !== undefined && { seed: Number(trained) }),
    report,
  };
}

type Options = Parameters<typeof buildClassifier>[1];

// The model at the picture size asked for. A Swin model from weights goes on speaking the scale of the windows that it was
// trained with.
function sized(
  given: object,
  { imgsz, weights }: ClassifierSource,
  options: Options,
): { model: Classifier; yaml: object } {
  const own = buildClassifier(
    given,
    imgsz !== undefined && weights === undefined ? { ...options, imageSize: [imgsz, imgsz] } : options,
  );
  const yaml: Record<string, unknown> = { ...given, nc: own.classes };
  if (own.family !== "swinv2") {
    const model = imgsz === undefined ? own : buildClassifier(yaml, { ...options, imageSize: [imgsz, imgsz] });
    return { model, yaml };
  }
  const swin = own as SwinClassifier;
  const section = yaml.swinv2 as object;
  const config =
    imgsz === undefined || imgsz === swin.config.imageSize[0] || weights === undefined
      ? swin.config
      : resizedSwin(swin.config, { imageSize: imgsz });
  yaml.swinv2 = { ...section, img_size: [...config.imageSize], pretrained_window: [...config.pretrainedWindow] };
  return { model: config === swin.config ? own : buildClassifier(yaml, options), yaml };
}

function yamlOf(loaded: Weights | undefined, file: string | undefined) {
  if (!loaded)
    throw new UserError("model or weights expected: model=X.yaml builds anew, weights=X takes a trained one");
  if (!loaded.modelYaml) {
    throw new UserError(`${file}: the weights do not say which model they belong to; add model=X.yaml`);
  }
  return {
    yaml: loaded.modelYaml as object,
    place: (...path: (string | number)[]) => [file, ...path].join(": "),
  };
}

const widen = (array: HostArray): HostArray =>
  isFloating(array.dtype) ? hostArray("float32", array.shape, toFloat32(array)) : array;
