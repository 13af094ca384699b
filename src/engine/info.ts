import { graph, input, planMemory, type Tensor } from "../graph/index.js";
import {
  type BlockDefinition,
  buildClassifier,
  buildModel,
  type Classifier,
  countFlops,
  countParameters,
  type DetectionModel,
  isClassifier,
  paramInputs,
} from "../nn/index.js";
import { type ClassifierInfo, classifierInfo } from "./classifierInfo.js";
import { holdsClassifier, openClassifier } from "./classifierModel.js";
import { forwardGraph } from "./inference/forward.js";
import { openModel, readModelFile } from "./model.js";
import { type Fallback, findFallbacks } from "./placement.js";
import { loadRuntime } from "./runtime.js";
import { estimateTraining, planningStep } from "./training/memory.js";

/** A layer as `info` lists it. */
export interface LayerInfo {
  readonly index: number;
  readonly from: number | readonly number[];
  readonly repeats: number;
  readonly module: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly parameters: number;
  /** Of the output for one picture; of each level for the head. */
  readonly shape: readonly number[] | readonly (readonly number[])[];
  /** Multiply-adds in 1e9, where they are counted by layer. */
  readonly gmacs?: number;
}

/** Planned memory in bytes. */
export interface MemoryInfo {
  /** Activations of a training step, at their peak. */
  readonly activations: number;
  /** Weights as loaded, and twice: weights, their gradients, momentum and average. */
  readonly state: number;
  readonly batch: number;
  /** A whole training process at its peak, by `recompute`. */
  readonly training: { readonly none: number; readonly row: number };
}

export interface ModelInfo {
  readonly parameters: number;
  /** Two for every multiply-add, for one picture, in 1e9. */
  readonly gflops: number;
  readonly layers: readonly LayerInfo[];
  /** Of a detector. */
  readonly memory?: MemoryInfo;
  /** Of a classifier. */
  readonly classifier?: ClassifierInfo;
  /** What `device` would leave to the CPU; undefined for the CPU itself. */
  readonly placement?: Placement;
  readonly imgsz: readonly [height: number, width: number];
  readonly strides: readonly number[];
}

/** Operators that a device leaves to the CPU. */
export interface Placement {
  readonly device: string;
  readonly inference: readonly Fallback[];
  readonly training: readonly Fallback[];
}

export interface InfoSettings {
  readonly model?: string;
  readonly weights?: string;
  /** 640 x 640 where left out; of a classifier its own. */
  readonly imgsz?: readonly [height: number, width: number];
  /** Side of a classifier's windows, instead of its own. */
  readonly window?: number;
  readonly nc?: number;
  /** Pictures of the training step that memory is planned for. */
  readonly batch: number;
  readonly device?: string;
  readonly extra?: readonly BlockDefinition[];
}

/** Layers, parameters, operations and planned training memory of a model. */
export async function modelInfo(settings: InfoSettings): Promise<ModelInfo> {
  const { model: file, weights, imgsz = [640, 640], nc, batch, device = "cpu", extra } = settings;
  const classifier = await describedClassifier(settings);
  if (classifier) return classifierInfo(classifier);
  const model = await describedModel({ file, weights, nc, extra });
  const [height, width] = imgsz.map((side) => Math.ceil(side / model.stride) * model.stride);
  const x = input([1, model.ch, height, width]);
  const outputs = model.layerMaps(x);
  const maps = model.module(x);
  const forward = graph(
    new Map([...paramInputs(model.module), ["x", x]]),
    new Map(maps.map((map, i) => [`map.${i}`, map])),
  );
  const layers = model.layers.map((layer, i) => ({
    ...layer,
    shape: shapeOf(i < outputs.length ? outputs[i] : maps),
  }));
  const parameters = countParameters(model.module);
  const [none, row] = (["none", "row"] as const).map((recompute) =>
    estimateTraining({ model, batch, imgsz: [height, width], recompute, workers: 1 }),
  );
  return {
    parameters,
    gflops: countFlops(forward) / 1e9,
    layers,
    memory: {
      activations: planMemory(planningStep(model, [batch, model.ch, height, width], "none").graph).activations,
      state: none.state,
      batch,
      training: { none: none.total, row: row.total },
    },
    ...(device !== "cpu" && { placement: await placementOn(device, model, [height, width]) }),
    imgsz: [height, width],
    strides: model.strides,
  };
}

async function placementOn(
  device: string,
  model: DetectionModel,
  [height, width]: readonly number[],
): Promise<Placement> {
  const runtime = await loadRuntime();
  const images = [1, model.ch, height, width];
  return {
    device,
    inference: await findFallbacks(runtime, forwardGraph(model, images), device),
    training: await findFallbacks(runtime, planningStep(model, images, "none").graph, device),
  };
}

const shapeOf = (maps: readonly Tensor[]): LayerInfo["shape"] =>
  maps.length === 1 ? maps[0].shape : maps.map(({ shape }) => shape);

async function describedClassifier(settings: InfoSettings): Promise<Classifier | undefined> {
  const { model: file, weights, imgsz, window, nc, extra } = settings;
  if (file !== undefined) {
    const { yaml, place } = readModelFile(file);
    return isClassifier(yaml) ? buildClassifier(yaml, { nc, place, imageSize: imgsz, window, extra }) : undefined;
  }
  if (weights === undefined || !(await holdsClassifier(weights))) return undefined;
  return (await openClassifier({ weights, imageSize: imgsz, window, nc, extra })).model;
}

// A YAML alone is built without numbers for its weights.
async function describedModel({
  file,
  weights,
  nc,
  extra,
}: {
  file?: string;
  weights?: string;
  nc?: number;
  extra?: readonly BlockDefinition[];
}): Promise<DetectionModel> {
  if (file === undefined) return (await openModel({ weights, extra, keepAnchors: true })).model;
  const { yaml, place } = readModelFile(file);
  return buildModel(yaml, { nc, place, extra });
}
