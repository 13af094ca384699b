import { readYaml, rng } from "../data/index.js";
import { UserError } from "../errors/index.js";
import { type HostArray, hostArray, isFloating, toFloat32 } from "../graph/index.js";
import { type BlockDefinition, buildModel, type DetectionModel, initialState, namedParams } from "../nn/index.js";
import { resolveModelFile } from "./config/files.js";
import { loadWeights, type Weights } from "./weights/load.js";
import { swinForRows, withTrainedWindows } from "./weights/swinRows.js";
import { type TransferReport, transfer } from "./weights/transfer.js";

/** A detector with numbers for all its weights. */
export interface LoadedModel {
  readonly model: DetectionModel;
  /** The model's YAML as plain contents. */
  readonly yaml: object;
  /** Numbers by name, derived buffers included. */
  readonly weights: Map<string, HostArray>;
  readonly names: readonly string[];
  /** What the weights' file said besides: hyper-parameters, picture size, metrics. */
  readonly sidecar?: Readonly<Record<string, unknown>>;
  /** How weights of a file went into the model; undefined for fresh ones. */
  readonly report?: TransferReport;
}

export interface ModelSource {
  /** A model YAML: a path, or the name of one that we ship. */
  readonly model?: string;
  /** Weights to take over; alone, they bring their model. */
  readonly weights?: string;
  /** Class names, instead of the file's. */
  readonly names?: readonly string[];
  readonly extra?: readonly BlockDefinition[];
  /** Anchors a level, instead of the YAML's; they are placeholders until fitted. */
  readonly anchors?: number;
  /** Seed of fresh weights. */
  readonly seed?: number;
  /** Also keep the anchors of the weights where a model YAML is given. */
  readonly keepAnchors?: boolean;
}

/**
 * Builds a detector: from a YAML with fresh weights, from weights alone, or from a YAML with what fits of the weights.
 * @throws UserError when neither is given, the weights do not say their model, or a file is not what it should be.
 */
export async function openModel(source: ModelSource): Promise<LoadedModel> {
  const { model: file, weights: weightsFile, extra, seed = 0 } = source;
  const loaded = weightsFile ? await loadWeights(weightsFile) : undefined;
  const { yaml: given, place } = file ? readModelFile(file) : yamlOf(loaded, weightsFile);
  const told = file && loaded ? withTrainedWindows(given, loaded.tensors) : given;
  const yaml = source.anchors ? { ...told, anchors: Math.round(source.anchors) } : told;
  const names = source.names ?? (file ? undefined : loaded?.names);
  const nc = names?.length;
  const model = buildModel(yaml, { nc, place, extra });
  const weights = initialState(model.module, rng(seed, "weights"));
  if (!loaded) return { model, yaml, weights, names: names ?? numbered(model.nc) };
  const wanted = new Map([...namedParams(model.module)].map(([name, { tensor }]) => [name, tensor]));
  const exclude = file && !source.keepAnchors ? ["anchor"] : [];
  const { tensors, report } = transfer(swinForRows(loaded.tensors, wanted.keys()), wanted as never, { exclude });
  for (const [name, array] of tensors) weights.set(name, widen(array));
  if (!file && report.missing.length > 0) {
    throw new UserError(
      `${weightsFile}: ${report.missing.length} tensors of its model are missing (${report.missing[0]}, ...)`,
    );
  }
  return { model, yaml, weights, names: names ?? loaded.names ?? numbered(model.nc), sidecar: loaded.sidecar, report };
}

const numbered = (nc: number): string[] => Array.from({ length: nc }, (_, i) => `class${i}`);

const widen = (array: HostArray): HostArray =>
  isFloating(array.dtype) ? hostArray("float32", array.shape, toFloat32(array)) : array;

/** The plain contents of a model YAML and where its parts stand. */
export function readModelFile(file: string): { yaml: object; place: (...path: (string | number)[]) => string } {
  const document = readYaml(resolveModelFile(file));
  return { yaml: document.value as object, place: document.place };
}

function yamlOf(loaded: Weights | undefined, file: string | undefined) {
  if (!loaded)
    throw new UserError("model or weights expected: model=X.yaml builds anew, weights=X takes a trained one");
  if (!loaded.modelYaml) {
    throw new UserError(`${file}: the weights do not say which model they belong to; add model=X.yaml`);
  }
  return { yaml: loaded.modelYaml as object, place: (...path: (string | number)[]) => [file, ...path].join(": ") };
}
