import { at, suggestion, UserError } from "../../errors/index.js";
import { boundary, input, type Tensor } from "../../graph/index.js";
import { type Args, type ArgValue, type BlockDefinition, type BlockModule, bindArgs } from "../blocks/define.js";
import { blocks } from "../blocks/index.js";
import { type DetectHead, detectHead } from "../heads/detect.js";
import { parseActivation } from "../layers/activation.js";
import { countParameters, list, type Module, module, type Part, sequential } from "../module.js";
import { roundHalfEven } from "../optim/schedule.js";
import { type ModelConfig, type Place, type Row, readModelConfig } from "./config.js";

/** One layer of a model as its row resolved. */
export interface Layer {
  readonly index: number;
  readonly from: number | readonly number[];
  /** Repeats after the depth gain. */
  readonly repeats: number;
  readonly module: string;
  /** The constructor's arguments by name. */
  readonly args: Args;
  readonly parameters: number;
}

/** A detector built from rows. */
export interface DetectionModel {
  /** Pictures [b, ch, h, w] from 0 to 1 to raw maps [b, anchors, h, w, 5 + classes] of every level. */
  readonly module: Module<(x: Tensor) => readonly Tensor[]>;
  /** The output of every layer; the head's is undefined here. */
  readonly layerOutputs: (x: Tensor) => readonly Tensor[];
  readonly head: DetectHead;
  readonly strides: readonly number[];
  /** Sides of pictures must be multiples of this. */
  readonly stride: number;
  readonly nc: number;
  readonly ch: number;
  readonly layers: readonly Layer[];
  /** Layers whose output a later row asks for by number, sorted. */
  readonly save: readonly number[];
  readonly anchorsName: string;
  readonly config: ModelConfig;
}

export interface BuildOptions {
  /** Classes, instead of the YAML's. */
  readonly nc?: number;
  /** Input channels, instead of the YAML's. */
  readonly ch?: number;
  /** Anchors w, h, w, h, ... in pixels for every level, instead of the YAML's. */
  readonly anchors?: readonly (readonly number[])[];
  /** Modules that rows may name besides ours. */
  readonly extra?: readonly BlockDefinition[];
  /** Where keys and rows stand, for messages. */
  readonly place?: Place;
}

interface Built {
  readonly run: (inputs: readonly Tensor[]) => Tensor;
  readonly part: Part;
  readonly layer: Layer;
}

/**
 * Builds a detector from the plain contents of a model YAML.
 * @throws UserError naming place, row, module, what was got and what is expected.
 */
export function buildModel(yaml: unknown, options: BuildOptions = {}): DetectionModel {
  const place: Place = options.place ?? ((...path) => path.join(".") || "model");
  const config = readModelConfig(yaml, place, options);
  const known = new Map([...Object.values(blocks), ...(options.extra ?? [])].map((block) => [block.name, block]));
  const activation = at(place("activation"), () => parseActivation(config.activation ?? "nn.SiLU()"));
  const built: Built[] = [];
  const widths: number[] = [];
  const last = config.rows.length - 1;
  config.rows.forEach((row, index) => {
    at(`${row.place}: row ${index} (${row.module})`, () => {
      checkFrom(row, index);
      if (row.module === "Detect") {
        if (index !== last) throw new UserError("Detect must be the last row");
        return;
      }
      if (index === last) throw new UserError("the last row must be Detect");
      const inputs = sources(row, index).map((from) => (from < 0 ? config.ch : widths[from]));
      const { definition, repeats, args } = resolve(row, { config, known, inputs });
      const part = instances(definition, { args, repeats, context: { activation, channels: inputs } });
      widths.push(
        definition.channels
          ? definition.channels(args as never, inputs)
          : ((args.c2 as number | undefined) ?? inputs[0]),
      );
      built.push({
        part,
        run: (xs) =>
          definition.list ? (part as (xs: readonly Tensor[]) => Tensor)(xs) : (part as (x: Tensor) => Tensor)(xs[0]),
        layer: { index, from: row.from, repeats, module: row.module, args, parameters: countParameters(part) },
      });
    });
  });
  return assemble(config, built, { widths, anchors: options.anchors });
}

// Layers that a row reads, counted from 0; -1 is the picture.
const sources = (row: Row, index: number): number[] =>
  (typeof row.from === "number" ? [row.from] : row.from).map((from) => (from < 0 ? index + from : from));

function checkFrom(row: Row, index: number): void {
  for (const from of typeof row.from === "number" ? [row.from] : row.from) {
    const source = from < 0 ? index + from : from;
    if (source < (index === 0 ? -1 : 0) || source >= index) {
      const expected = index === 0 ? "-1, the picture" : `-${index} to -1, or 0 to ${index - 1}`;
      throw new UserError(`from: got ${from}, expected ${expected}: a layer before this one`);
    }
  }
}

interface Resolution {
  readonly config: ModelConfig;
  readonly known: ReadonlyMap<string, BlockDefinition>;
  readonly inputs: readonly number[];
}

// The row with names looked up and gains applied.
function resolve(
  row: Row,
  { config, known, inputs }: Resolution,
): { definition: BlockDefinition; repeats: number; args: Args } {
  const definition = known.get(row.module);
  if (!definition)
    throw new UserError(`module "${row.module}" is not known${suggestion(row.module, [...known.keys(), "Detect"])}`);
  const repeats = row.number > 1 ? Math.max(roundHalfEven(row.number * config.depth), 1) : row.number;
  const values = row.args.map((value) => lookUp(value, config));
  if (definition.widths === "scaled") {
    const [width, ...rest] = values;
    const c2 = typeof width === "number" ? scaledWidth(width, config) : width;
    const front = definition.repeats ? [inputs[0], c2, repeats, ...rest] : [inputs[0], c2, ...rest];
    return { definition, repeats, args: bindArgs(definition, front as ArgValue[]) };
  }
  if (definition.name === "nn.BatchNorm2d") return { definition, repeats, args: { num_features: inputs[0] } };
  return { definition, repeats, args: bindArgs(definition, values) };
}

// Widths grow with the width gain, rounded up to a multiple of 8; one that equals the predictions' width stays.
function scaledWidth(width: number, config: ModelConfig): number {
  const anchors = typeof config.anchors === "number" ? config.anchors : config.anchors[0].length / 2;
  return width === anchors * (config.nc + 5) ? width : Math.ceil((width * config.width) / 8) * 8;
}

const words: Readonly<Record<string, ArgValue>> = { None: null, True: true, False: false };

function lookUp(value: ArgValue, config: ModelConfig): ArgValue {
  if (Array.isArray(value)) return value.map((item: ArgValue) => lookUp(item, config));
  if (typeof value !== "string") return value as ArgValue;
  if (Object.hasOwn(words, value)) return words[value];
  if (value === "nc") return config.nc;
  if (value === "anchors") return config.anchors as ArgValue;
  return value;
}

interface Instances {
  readonly args: Args;
  readonly repeats: number;
  readonly context: Parameters<BlockDefinition["build"]>[1];
}

function instances(definition: BlockDefinition, { args, repeats, context }: Instances): BlockModule {
  const make = () => definition.build(args as never, context);
  if (definition.repeats || repeats === 1) return make();
  return sequential(Array.from({ length: repeats }, () => make() as Module));
}

function assemble(
  config: ModelConfig,
  built: readonly Built[],
  { widths, anchors }: { widths: readonly number[]; anchors?: readonly (readonly number[])[] },
): DetectionModel {
  const headRow = config.rows[built.length];
  const levels = sources(headRow, built.length);
  const where = `${headRow.place}: row ${built.length} (Detect)`;
  const features = (x: Tensor): Tensor[] => {
    const outputs: Tensor[] = [];
    // Between the layers `recompute` may forget what is inside them.
    const start = boundary(x);
    built.forEach(({ run, layer }) => {
      const inputs = sources(config.rows[layer.index], layer.index).map((from) => (from < 0 ? start : outputs[from]));
      outputs.push(
        at(`${config.rows[layer.index].place}: row ${layer.index} (${layer.module})`, () =>
          boundary(shapeChecked(() => run(inputs))),
        ),
      );
    });
    return outputs;
  };
  const strides = at(where, () => measureStrides(features, levels, config.ch));
  const pixels = at(where, () => orderAnchors(anchors ?? levelAnchors(config, levels.length), strides));
  const ch = levels.map((level) => widths[level]);
  const head = detectHead({ nc: config.nc, anchors: pixels, ch, strides });
  const args = { nc: config.nc, anchors: pixels, ch, inplace: true };
  const layer = {
    index: built.length,
    from: headRow.from,
    repeats: 1,
    module: "Detect",
    args,
    parameters: countParameters(head.module),
  };
  const parts = { model: list([...built.map(({ part }) => part), head.module]) };
  return {
    module: module(parts, (x: Tensor) => {
      const outputs = features(x);
      return head.module(levels.map((level) => outputs[level]));
    }),
    layerOutputs: features,
    head,
    strides,
    stride: Math.max(...strides),
    nc: config.nc,
    ch: config.ch,
    layers: [...built.map((one) => one.layer), layer],
    save: savedLayers(config),
    anchorsName: `model.${built.length}.anchors`,
    config,
  };
}

// A shape mistake inside a module is the YAML's.
function shapeChecked<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof Error && error.name === "ShapeError") throw new UserError(error.message, { cause: error });
    throw error;
  }
}

function measureStrides(features: (x: Tensor) => Tensor[], levels: readonly number[], ch: number): number[] {
  const side = 256;
  const outputs = features(input([1, ch, side, side]));
  return levels.map((level) => side / outputs[level].shape[2]);
}

function levelAnchors({ anchors }: ModelConfig, levels: number): readonly (readonly number[])[] {
  // A number of anchors: placeholders until they are fitted to the data.
  if (typeof anchors === "number")
    return Array.from({ length: levels }, () => Array.from({ length: 2 * anchors }, (_, i) => i));
  if (anchors.length !== levels) throw new UserError(`${anchors.length} levels of anchors for ${levels} inputs`);
  return anchors;
}

/** Anchors grow with the strides; a list in the other order is turned round. */
function orderAnchors(
  anchors: readonly (readonly number[])[],
  strides: readonly number[],
): readonly (readonly number[])[] {
  const area = (level: readonly number[]) => {
    let sum = 0;
    for (let i = 0; i < level.length; i += 2) sum += level[i] * level[i + 1];
    return sum / (level.length / 2);
  };
  const byArea = Math.sign(area(anchors[anchors.length - 1]) - area(anchors[0]));
  const byStride = Math.sign(strides[strides.length - 1] - strides[0]);
  return byArea !== 0 && byArea !== byStride ? anchors.toReversed() : anchors;
}

function savedLayers(config: ModelConfig): number[] {
  const saved = new Set<number>();
  config.rows.forEach((row, index) => {
    const list = typeof row.from === "number" ? [row.from] : row.from;
    for (const from of list) if (from !== -1) saved.add(from < 0 ? index + from : from);
  });
  return [...saved].sort((a, b) => a - b);
}
