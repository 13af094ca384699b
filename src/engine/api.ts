import { checkData as checkDataset, type DataCheck } from "../data/index.js";
import { UserError } from "../errors/index.js";
import { type AblationEvent, ablateRun } from "./ablate/index.js";
import type { ClassifyEvent } from "./classify/events.js";
import { type ClassifyExportResult, exportClassifier } from "./classify/export.js";
import { type ClassPrediction, classifyPictures } from "./classify/predict.js";
import { trainClassifier } from "./classify/train.js";
import { type ClassifyValResult, validateClassifier } from "./classify/val.js";
import { readHyp } from "./config/hyp.js";
import type { ClassifyGiven, Given, HypOverrides, Options, PretrainGiven } from "./config/index.js";
import {
  commandOptions,
  givenOptions,
  isClassifyCall,
  isPretrainCall,
  parseClassifyOptions,
  parseOptions,
  parsePretrainOptions,
} from "./config/index.js";
import { type ExportContext, type ExportResult, exportRun } from "./export.js";
import { type ModelInfo, modelInfo } from "./info.js";
import { planTraining, type TrainingPlan } from "./plan.js";
import { loadPlugin } from "./plugin.js";
import { type Prediction, predictRun } from "./predict.js";
import type { PretrainEvent } from "./pretrain/events.js";
import { pretrain } from "./pretrain/train.js";
import { trainRun } from "./train.js";
import type { TrainEvent } from "./training/events.js";
import type { TrainSettings } from "./training/settings.js";
import { type TransferContext, type Transferred, transferRun } from "./transfer/index.js";
import { type ValResult, valRun } from "./val.js";

/** What every call may be given besides its options. */
export interface CallContext {
  /** Ends the work; what is on disk stays whole. */
  readonly signal?: AbortSignal;
}

/** What a training call may be given besides. */
export interface TrainCallContext extends CallContext {
  readonly onScan?: (split: string, done: number, total: number) => void;
}

/**
 * Trains a detector, with `task: "classify"` a classifier, or with `task: "pretrain"` a classifier's body on pictures without
 * labels. Options as on the command line (`swinyolo train --help`), for
 * detectors every key of a hyp file too. Without `task` the weights, the model or the resumed run say what it is; the events of
 * the others have their `task`.
 * @throws UserError for mistakes in options, data or files.
 */
export function train(given: ClassifyGiven<"train">, context?: TrainCallContext): AsyncGenerator<ClassifyEvent>;
export function train(given: PretrainGiven, context?: TrainCallContext): AsyncGenerator<PretrainEvent>;
export function train(given: Given<"train"> & HypOverrides, context?: TrainCallContext): AsyncGenerator<TrainEvent>;
export async function* train(
  given: ClassifyGiven<"train"> | PretrainGiven | (Given<"train"> & HypOverrides),
  { signal, onScan }: TrainCallContext = {},
): AsyncGenerator<TrainEvent | ClassifyEvent | PretrainEvent> {
  if (isPretrainCall("train", given)) {
    const { resume, plugin, json: _, ...wish } = parsePretrainOptions(given);
    const moreEpochs = given.epochs === undefined ? undefined : wish.epochs;
    yield* pretrain(wish, { resume, moreEpochs, extra: await loadPlugin(plugin), signal, onScan });
    return;
  }
  if (isClassifyCall("train", given)) {
    const { resume, plugin, json: _, ...wish } = parseClassifyOptions("train", given);
    const moreEpochs = given.epochs === undefined ? undefined : wish.epochs;
    yield* trainClassifier(wish, { resume, moreEpochs, extra: await loadPlugin(plugin), signal, onScan });
    return;
  }
  const { options, hyp: overrides } = parseOptions("train", given);
  const { hyp, warnings } = readHyp(options.hyp, overrides, { strict: options.strict });
  for (const message of warnings) yield { type: "report", message };
  const extra = await loadPlugin(options.plugin);
  const moreEpochs = given.epochs === undefined ? undefined : options.epochs;
  yield* trainRun(trainSettings(options, givenOptions(commandOptions.train, given)), {
    hyp,
    extra,
    signal,
    onScan,
    moreEpochs,
  });
}

function trainSettings(o: Options<"train">, given: ReadonlySet<string>): TrainSettings {
  const [height, width] = o.imgsz;
  if (height !== width) throw new UserError(`imgsz=${height},${width}: training takes squares; one number expected`);
  if (o.data === undefined && o.resume === undefined) throw new UserError("data expected: data=data.yaml");
  if (o.model === undefined && o.weights === undefined && o.resume === undefined) {
    throw new UserError(
      "model or weights expected: model=yolov5n-swinv2.yaml trains from scratch, weights=X.pt goes on from there",
    );
  }
  const freeze = o.freeze.length === 1 ? Array.from({ length: o.freeze[0] }, (_, i) => i) : o.freeze;
  const resume = o.resume === false ? undefined : o.resume;
  const limited = o.memory !== undefined;
  const open = [
    ...(o.batch === "auto" || (limited && !given.has("batch")) ? ["batch"] : []),
    ...(limited && !given.has("imgsz") ? ["imgsz"] : []),
  ];
  return {
    ...o,
    batch: o.batch === "auto" ? 16 : o.batch,
    recompute: (limited || o.batch === "auto") && !given.has("recompute") ? "auto" : o.recompute,
    open,
    data: o.data ?? "",
    imgsz: height,
    freeze,
    save_period: o.save_period ?? -1,
    multi_scale: false,
    resume,
  };
}

/** What a validating call may be given besides. */
export interface ValCallContext extends CallContext {
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Validates weights on a data set: precision, recall, mAP, and COCO's figures with `annotations`; of a classifier (which its
 * weights or `task: "classify"` say) top-1 and top-5.
 */
export function val(given: ClassifyGiven<"val">, context?: ValCallContext): Promise<ClassifyValResult>;
export function val(given: Given<"val">, context?: ValCallContext): Promise<ValResult>;
export async function val(
  given: ClassifyGiven<"val"> | Given<"val">,
  { signal, onProgress }: ValCallContext = {},
): Promise<ValResult | ClassifyValResult> {
  if (isClassifyCall("val", given)) {
    const own = parseClassifyOptions("val", given);
    return validateClassifier(own, { extra: await loadPlugin(own.plugin), signal, onProgress });
  }
  const { options } = parseOptions("val", given);
  return valRun(options, { extra: await loadPlugin(options.plugin), signal, onProgress });
}

/** Detects objects in files: pictures, folders, patterns, lists, videos; with a classifier tells what pictures show. */
export function predict(given: ClassifyGiven<"predict">, context?: CallContext): AsyncGenerator<ClassPrediction>;
export function predict(given: Given<"predict">, context?: CallContext): AsyncGenerator<Prediction>;
export async function* predict(
  given: ClassifyGiven<"predict"> | Given<"predict">,
  { signal }: CallContext = {},
): AsyncGenerator<Prediction | ClassPrediction> {
  if (isClassifyCall("predict", given)) {
    const own = parseClassifyOptions("predict", given);
    yield* classifyPictures(own, { extra: await loadPlugin(own.plugin), signal });
    return;
  }
  const { options } = parseOptions("predict", given);
  yield* predictRun(options, { extra: await loadPlugin(options.plugin), signal });
}

/** Writes weights as an ONNX file and checks it. */
export function exportModel(given: ClassifyGiven<"export">, context?: ExportContext): Promise<ClassifyExportResult>;
export function exportModel(given: Given<"export">, context?: ExportContext): Promise<ExportResult>;
export async function exportModel(
  given: ClassifyGiven<"export"> | Given<"export">,
  context: ExportContext = {},
): Promise<ExportResult | ClassifyExportResult> {
  if (isClassifyCall("export", given)) {
    const own = parseClassifyOptions("export", given);
    return exportClassifier(own, { extra: await loadPlugin(own.plugin) });
  }
  const { options } = parseOptions("export", given);
  if (options.weights === undefined) throw new UserError("weights expected: weights=best.safetensors");
  return exportRun({ ...options, weights: options.weights, extra: await loadPlugin(options.plugin) }, context);
}

/** Layers, parameters, operations and planned memory of a model. */
export async function info(given: Given<"info">): Promise<ModelInfo> {
  const { options } = parseOptions("info", given);
  if (options.model === undefined && options.weights === undefined)
    throw new UserError("model or weights expected: model=yolov5n-swinv2.yaml");
  return modelInfo({ ...options, extra: await loadPlugin(options.plugin) });
}

/** The memory that training a Swin V2 network takes on each of several devices, from a model of it. */
export async function plan(given: Given<"plan">): Promise<TrainingPlan> {
  return planTraining(parseOptions("plan", given).options);
}

/**
 * Writes weights for other windows and pictures, the position bias recomputed, and compares the two on pictures. The files
 * that it writes work as any trained ones.
 */
export async function transferModel(given: Given<"transfer">, context: TransferContext = {}): Promise<Transferred> {
  const { options } = parseOptions("transfer", given);
  return transferRun({ ...options, extra: await loadPlugin(options.plugin) }, context);
}

/** Trains variants of a Swin V2 classifier and compares them as the paper does; the same call goes on with what was stopped. */
export async function* ablate(given: Given<"ablate">, { signal }: CallContext = {}): AsyncGenerator<AblationEvent> {
  yield* ablateRun(parseOptions("ablate", given).options, { signal });
}

/** Looks through a data set for everything that would keep it from being used. */
export async function checkData(
  given: Given<"check-data">,
  { onProgress }: { onProgress?: (done: number, total: number) => void } = {},
): Promise<DataCheck> {
  const { options } = parseOptions("check-data", given);
  if (options.data === undefined) throw new UserError("data expected: data=data.yaml");
  return checkDataset(options.data, { onProgress });
}
