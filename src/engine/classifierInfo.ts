import { graph, input, type Tensor } from "../graph/index.js";
import {
  type Classifier,
  countFlops,
  countParameters,
  namedParams,
  paramInputs,
  type RowsClassifier,
  type SwinClassifier,
  stageGrid,
  swinMultiplyAdds,
} from "../nn/index.js";
import type { LayerInfo, ModelInfo } from "./info.js";

/** What `info` says of a classifier besides. */
export interface ClassifierInfo {
  readonly family: string;
  readonly classes: number;
  readonly parametersWithoutHead: number;
  /** Of Swin: multiply-adds as the official code counts them, in 1e9; papers quote them as FLOPs. */
  readonly quotedGmacs?: number;
  /** Multiply-adds of convolutions, linear layers and attention products, networks of the position bias included. */
  readonly gmacs: number;
}

/** Layers, parameters and operations of a classifier, for one picture; its weights are not needed. */
export function classifierInfo(model: Classifier): ModelInfo {
  if (isRows(model)) return rowsInfo(model);
  if (!isSwin(model)) throw new Error(`a classifier of the family ${model.family}`);
  const [height, width] = model.imageSize;
  const parts = partsOf(model, input([1, model.channels, height, width]));
  const parameters = countParameters(model.module);
  const head = parts.find(({ module }) => module === "Head")?.parameters ?? 0;
  const macs = parts.reduce((sum, { gmacs = 0 }) => sum + gmacs, 0);
  return {
    parameters,
    gflops: 2 * macs,
    layers: parts,
    imgsz: [height, width],
    strides: model.config.depths.map((_, i) => model.config.patch << i),
    classifier: {
      family: model.family,
      classes: model.classes,
      parametersWithoutHead: parameters - head,
      quotedGmacs: swinMultiplyAdds(model.config, model.classes) / 1e9,
      gmacs: macs,
    },
  };
}

const isRows = (model: Classifier): model is RowsClassifier => model.family === "yolov5";

function rowsInfo(model: RowsClassifier): ModelInfo {
  const [height, width] = model.imageSize;
  const x = input([1, model.channels, height, width]);
  const outputs = model.layerOutputs(x);
  const countTo = counter(model, x);
  const layers = model.layers.map((layer, i) => ({ ...layer, shape: outputs[i].shape, gmacs: countTo(outputs[i]) }));
  const parameters = countParameters(model.module);
  const macs = layers.reduce((sum, { gmacs }) => sum + gmacs, 0);
  const head = parametersBelow(model, `model.${layers.length - 1}.`);
  return {
    parameters,
    gflops: 2 * macs,
    layers,
    imgsz: [height, width],
    strides: [],
    classifier: {
      family: model.family,
      classes: model.classes,
      parametersWithoutHead: parameters - head,
      gmacs: macs,
    },
  };
}

const isSwin = (model: Classifier): model is SwinClassifier => model.family === "swinv2";

function partsOf(model: SwinClassifier, x: Tensor): LayerInfo[] {
  const { config, backbone, classes } = model;
  const { embedded, stages, pooled, logits } = model.features(x);
  const countTo = counter(model, x);
  const sized = (y: Tensor, stage: number) => [1, y.shape[2], ...stageGrid(config, config.imageSize, stage)];
  const layers: Omit<LayerInfo, "index" | "from">[] = [];
  const add = (
    module: string,
    prefix: string,
    y: Tensor,
    rest: Pick<LayerInfo, "args" | "shape"> & { repeats?: number },
  ) => layers.push({ repeats: 1, module, parameters: parametersBelow(model, prefix), gmacs: countTo(y), ...rest });
  add("PatchEmbed", "patch_embed.", embedded, {
    args: { patch: config.patch, dim: config.embedDim },
    shape: sized(embedded, 0),
  });
  for (const [i, { tokens, merged }] of stages.entries()) {
    const [{ window }, { shift } = { shift: 0 }] = backbone.windows[i];
    add("SwinStage", `layers.${i}.blocks.`, tokens, {
      repeats: config.depths[i],
      args: { dim: backbone.widths[i], heads: config.heads[i], window, shift, pretrained: config.pretrainedWindow[i] },
      shape: sized(tokens, i),
    });
    if (!merged) continue;
    const args = { from: backbone.widths[i], to: backbone.widths[i + 1] };
    add("PatchMerging", `layers.${i}.downsample.`, merged, { args, shape: sized(merged, i + 1) });
  }
  add("NormMean", "norm.", pooled, { args: {}, shape: pooled.shape });
  if (classes > 0) add("Head", "head.", logits, { args: { classes }, shape: logits.shape });
  return layers.map((layer, index) => ({ index, from: -1, ...layer }));
}

const parametersBelow = (model: Classifier, prefix: string): number =>
  [...namedParams(model.module)]
    .filter(([name, { kind }]) => kind === "parameter" && name.startsWith(prefix))
    .reduce((sum, [, { tensor }]) => sum + tensor.shape.reduce((n, d) => n * d, 1), 0);

// Billions of multiply-adds up to a tensor, less those counted before.
function counter(model: Classifier, x: Tensor): (y: Tensor) => number {
  let before = 0;
  return (y) => {
    const all = countFlops(graph(new Map([...paramInputs(model.module), ["x", x]]), { y })) / 2e9;
    const more = all - before;
    before = all;
    return more;
  };
}
