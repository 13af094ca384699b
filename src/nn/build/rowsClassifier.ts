import { at, UserError } from "../../errors/index.js";
import { boundary, type Tensor } from "../../graph/index.js";
import type { BlockDefinition } from "../blocks/define.js";
import { blocks } from "../blocks/index.js";
import type { Classifier } from "../classifier.js";
import { classifyHead } from "../heads/classify.js";
import { parseActivation } from "../layers/activation.js";
import { countParameters, list, module, namedParams, type Part } from "../module.js";
import { type ModelConfig, type Place, readModelConfig } from "./config.js";
import type { Layer } from "./model.js";
import { checkFrom, instances, resolveRow, sources } from "./row.js";

export interface RowsClassifierOptions {
  readonly nc?: number;
  readonly ch?: number;
  readonly imageSize?: readonly [height: number, width: number];
  readonly extra?: readonly BlockDefinition[];
  readonly place?: Place;
}

/** A classifier from rows, with its layers in reach. */
export interface RowsClassifier extends Classifier<ModelConfig> {
  readonly family: "yolov5";
  readonly layers: readonly Layer[];
  /** The output of every layer, the logits last. */
  readonly layerOutputs: (x: Tensor) => readonly Tensor[];
}

/**
 * A classifier from rows whose last one is `[-1, 1, Classify, [nc]]`, as YOLOv5-cls has them; pictures of any size that the
 * strides divide.
 * @throws UserError naming place, row, module, what was got and what is expected.
 */
export function buildRowsClassifier(yaml: object, options: RowsClassifierOptions = {}): RowsClassifier {
  const { imageSize = [224, 224], extra = [] } = options;
  const place: Place = options.place ?? ((...path) => path.join(".") || "model");
  // Anchors mean nothing here, but the reader of rows asks for them.
  const config = readModelConfig({ anchors: 3, ...yaml }, place, options);
  const known = new Map([...Object.values(blocks), ...extra].map((block) => [block.name, block]));
  const activation = at(place("activation"), () => parseActivation(config.activation ?? "nn.SiLU()"));
  const last = config.rows.length - 1;
  const widths: number[] = [];
  const parts: Part[] = [];
  const layers: Layer[] = [];
  const runs: ((xs: readonly Tensor[]) => Tensor)[] = [];
  config.rows.forEach((row, index) => {
    at(`${row.place}: row ${index} (${row.module})`, () => {
      checkFrom(row, index);
      const inputs = sources(row, index).map((from) => (from < 0 ? config.ch : widths[from]));
      if ((row.module === "Classify") !== (index === last))
        throw new UserError("Classify must be the last row, and only it");
      if (index === last) {
        if (inputs.length > 1) throw new UserError(`from: got ${inputs.length} layers, expected one`);
        if (Object.keys(row.named).length > 0) throw new UserError("arguments of Classify have no names");
        const [, k, s] = row.args;
        const [kernel, stride] = [k, s].map((value) => (typeof value === "number" ? value : 1));
        const head = classifyHead(inputs[0], config.nc, { activation }, { k: kernel, s: stride });
        const args = { c1: inputs[0], c2: config.nc, k: kernel, s: stride };
        layers.push({ index, from: row.from, repeats: 1, module: "Classify", args, parameters: countParameters(head) });
        parts.push(head);
        runs.push(([x]) => head(x));
        return;
      }
      const resolved = resolveRow(row, { config, known, inputs });
      const { definition, repeats, args } = resolved;
      const part = instances(resolved, { activation, channels: inputs });
      widths.push(definition.channels?.(args as never, inputs) ?? (args.c2 as number | undefined) ?? inputs[0]);
      layers.push({ index, from: row.from, repeats, module: row.module, args, parameters: countParameters(part) });
      parts.push(part);
      runs.push((xs) =>
        definition.list ? (part as (xs: readonly Tensor[]) => Tensor)(xs) : (part as (x: Tensor) => Tensor)(xs[0]),
      );
    });
  });
  const children = { model: list(parts) };
  const params = namedParams({ children });
  const layerOutputs = (x: Tensor): Tensor[] => {
    const outputs: Tensor[] = [];
    const start = boundary(x);
    for (const [index, run] of runs.entries()) {
      const inputs = sources(config.rows[index], index).map((from) => (from < 0 ? start : outputs[from]));
      outputs.push(index === last ? run(inputs) : boundary(run(inputs)));
    }
    return outputs;
  };
  return {
    module: module(children, (x: Tensor) => layerOutputs(x)[last]),
    layers,
    layerOutputs,
    blockOutputs: (x) => new Map(layerOutputs(x).map((output, i) => [`model.${i}`, output])),
    family: "yolov5",
    classes: config.nc,
    channels: config.ch,
    imageSize,
    undecayed: (name) => name.endsWith(".bias") || (params.get(name)?.norm ?? false),
    depthOf: (name) => Number(/^model\.(\d+)\./.exec(name)?.[1] ?? 0),
    depths: parts.length,
    headNames: [`model.${last}.linear.weight`, `model.${last}.linear.bias`],
    config,
  };
}
