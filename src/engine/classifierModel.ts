import { rng } from "../data/index.js";
import { at, UserError } from "../errors/index.js";
import { type HostArray, hostArray, isFloating, toFloat32 } from "../graph/index.js";
import {
  buildClassifier,
  type Classifier,
  type ClassifierOptions,
  initialState,
  isClassifier,
  namedParams,
  type Place,
  readSwin,
  scaledLike,
  swinConfig,
  swinYaml,
  trainedWindows,
} from "../nn/index.js";
import { readModelFile } from "./model.js";
import { loadWeights, type Weights } from "./weights/load.js";
import { officialSwinNames, type SwinPort } from "./weights/swinNames.js";
import { fitSwin, type HeadChange, shapeOfSwin } from "./weights/swinState.js";
import { type TransferReport, transfer } from "./weights/transfer.js";

/** A classifier with numbers for all its weights. */
export interface LoadedClassifier {
  readonly model: Classifier;
  /** A YAML that builds this model again: sizes, windows and classes as they are now. */
  readonly yaml: object;
  /** Numbers by name, derived buffers included. */
  readonly weights: Map<string, HostArray>;
  readonly names: readonly string[];
  readonly sidecar?: Readonly<Record<string, unknown>>;
  /** How weights of a file went into the model; undefined for fresh ones. */
  readonly report?: TransferReport;
  readonly head?: HeadChange;
  /** Whose names the file had, where it was a Swin Transformer's. */
  readonly port?: SwinPort;
}

export interface ClassifierSource extends Pick<ClassifierOptions, "imageSize" | "dropPath" | "extra"> {
  /** Side of the windows, or one a stage, instead of the model's; the position bias keeps its scale. */
  readonly window?: number | readonly number[];
  /** A model YAML: a path, or the name of one that we ship. */
  readonly model?: string;
  /** Weights to take over; alone, they bring their model. */
  readonly weights?: string;
  /** Class names, instead of the file's. */
  readonly names?: readonly string[];
  /** Classes where there are no names. */
  readonly nc?: number;
  /** Seed of fresh weights. */
  readonly seed?: number;
}

/**
 * Builds a classifier: from a YAML with fresh weights, from weights alone, or from a YAML with what fits of the weights. At
 * another picture or window size the position bias of a Swin Transformer keeps the scale that it was trained with; a head for
 * other classes starts from 0.
 * @throws UserError when neither is given, the weights do not tell their model, or a file is not what it should be.
 */
export async function openClassifier(source: ClassifierSource): Promise<LoadedClassifier> {
  const { model: file, weights: weightsFile, imageSize, window, dropPath, extra, seed = 0 } = source;
  const loaded = weightsFile === undefined ? undefined : await loadWeights(weightsFile);
  const swin = loaded && officialSwinNames(loaded.tensors);
  const own = loaded && at(weightsFile ?? "", () => ownYaml(loaded, swin?.tensors));
  const { yaml: base, place } = file === undefined ? given(own, weightsFile) : readModelFile(file);
  const names = source.names ?? (file === undefined ? loaded?.names : undefined);
  const nc = names?.length ?? source.nc;
  const yaml = resized(base, { own, imageSize, window, dropPath, nc, place });
  const model = buildClassifier(yaml, { imageSize, nc, place, extra });
  const fresh = initialState(model.module, rng(seed, "weights"));
  const described = { model, yaml, names: names ?? numbered(model.classes) };
  if (!loaded) return { ...described, weights: fresh };
  const taken = take(model, fresh, swin?.tensors ?? loaded.tensors);
  const missing = taken.report.missing.filter((name) => !model.headNames.includes(name));
  if (file === undefined && missing.length > 0) {
    throw new UserError(`${weightsFile}: ${missing.length} tensors of its model are missing (${missing[0]}, ...)`);
  }
  return { ...described, ...taken, sidecar: loaded.sidecar, port: swin?.port };
}

/** Whether a file of weights is a classifier's: by the model that it names, or by names of a Swin Transformer. */
export async function holdsClassifier(weights: string): Promise<boolean> {
  const { modelYaml, tensors } = await loadWeights(weights);
  return modelYaml ? isClassifier(modelYaml) : officialSwinNames(tensors) !== undefined;
}

const numbered = (nc: number): string[] => Array.from({ length: nc }, (_, i) => `class${i}`);

// The YAML that weights bring, or what their tensors tell of a Swin Transformer.
function ownYaml(loaded: Weights, swin: ReadonlyMap<string, HostArray> | undefined): object | undefined {
  if (isClassifier(loaded.modelYaml)) return loaded.modelYaml;
  if (!swin) return undefined;
  const { options, classes } = shapeOfSwin(swin);
  return options.window && options.imageSize ? swinYaml(swinConfig(options), classes) : undefined;
}

function given(own: object | undefined, file: string | undefined): { yaml: object; place: Place } {
  if (file === undefined) {
    throw new UserError("model or weights expected: model=X.yaml builds anew, weights=X takes a trained one");
  }
  if (!own) throw new UserError(`${file}: the weights do not say which classifier they belong to; add model=X.yaml`);
  return { yaml: own, place: (...path) => [file, ...path].join(": ") };
}

interface Resizing extends Pick<ClassifierSource, "imageSize" | "window" | "dropPath" | "nc"> {
  /** The YAML of the weights. */
  readonly own?: object;
  readonly place: Place;
}

// The YAML for this run's sizes; its position bias speaks the scale that the weights were first trained with.
function resized(base: object, { own, imageSize, window, dropPath, nc, place }: Resizing): object {
  const section = sectionOf(base);
  if (!section) return base;
  const options = readSwin(section, (...path) => place("swinv2", ...path));
  const config = at(place("swinv2"), () =>
    swinConfig({
      ...options,
      imageSize: imageSize ?? options.imageSize,
      window: window ?? options.window,
      dropPath: dropPath ?? options.dropPath,
    }),
  );
  const before = own && sectionOf(own);
  const trained = before === undefined ? [] : trainedWindows(swinConfig(readSwin(before, pathText)));
  const classes = nc ?? (base as { nc?: number }).nc ?? 1000;
  return swinYaml(trained.length === config.depths.length ? scaledLike(config, trained) : config, classes);
}

const pathText: Place = (...path) => ["weights", ...path].join(": ");

const sectionOf = (yaml: object): unknown => (isClassifier(yaml) ? (yaml as { swinv2?: unknown }).swinv2 : undefined);

// Weights into the model; a head for other classes starts from 0.
function take(model: Classifier, fresh: Map<string, HostArray>, tensors: ReadonlyMap<string, HostArray>) {
  const params = new Map([...namedParams(model.module)].map(([name, { tensor }]) => [name, tensor]));
  const wanted = new Map([...params].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
  const fitted = model.family === "swinv2" ? fitSwin(tensors, { classes: model.classes, wanted }) : { tensors };
  const { tensors: taken, report } = transfer(fitted.tensors, wanted);
  const weights = new Map(fresh);
  for (const [name, array] of taken) weights.set(name, widen(array));
  const head = "head" in fitted ? fitted.head : undefined;
  if (head === "new") {
    for (const name of model.headNames) weights.set(name, hostArray("float32", [...(wanted.get(name)?.shape ?? [])]));
  }
  return { weights, report, head };
}

const widen = (array: HostArray): HostArray =>
  isFloating(array.dtype) ? hostArray("float32", array.shape, toFloat32(array)) : array;
