import { at, UserError } from "../../errors/index.js";
import { boundary, ShapeError, type Tensor } from "../../graph/index.js";
import type { Args, BlockDefinition } from "../blocks/define.js";
import { blocks } from "../blocks/index.js";
import { type DetectHead, detectHead } from "../heads/detect.js";
import { parseActivation } from "../layers/activation.js";
import { countParameters, list, type Module, module, type Part } from "../module.js";
import { type ModelConfig, type Place, readModelConfig } from "./config.js";
import { isClassifier } from "./families.js";
import { levelAnchors, measureStrides, orderAnchors } from "./levels.js";
import { checkFrom, headAnchors, instances, resolveRow, sources } from "./row.js";

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
  /** The output of every layer, the last one of those with several; the head's is undefined here. */
  readonly layerOutputs: (x: Tensor) => readonly Tensor[];
  /** All maps of every layer: one, but for a backbone that gives those of its stages. */
  readonly layerMaps: (x: Tensor) => readonly (readonly Tensor[])[];
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

// Nobody's model; a mistyped one would fill the memory.
const mostModules = 10_000;
const mostParameters = 2_000_000_000;

interface Built {
  readonly run: (inputs: readonly Tensor[]) => readonly Tensor[];
  readonly part: Part;
  readonly layer: Layer;
}

/**
 * Builds a detector from the plain contents of a model YAML.
 * @throws UserError naming place, row, module, what was got and what is expected.
 */
export function buildModel(yaml: unknown, options: BuildOptions = {}): DetectionModel {
  const place: Place = options.place ?? ((...path) => path.join(".") || "model");
  if (isClassifier(yaml)) throw new UserError(`${place("task")}: a classifier, expected a detector`);
  const config = readModelConfig(yaml, place, options);
  const known = new Map([...Object.values(blocks), ...(options.extra ?? [])].map((block) => [block.name, block]));
  const activation = at(place("activation"), () => parseActivation(config.activation ?? "nn.SiLU()"));
  const built: Built[] = [];
  const widths: (readonly number[])[] = [];
  const last = config.rows.length - 1;
  let modules = 0;
  config.rows.forEach((row, index) => {
    at(`${row.place}: row ${index} (${row.module})`, () => {
      checkFrom(row, index);
      if (row.module === "Detect") {
        if (index !== last) throw new UserError("Detect must be the last row");
        return;
      }
      const inputs = sources(row, index).flatMap((from) => (from < 0 ? config.ch : widths[from]));
      const resolved = resolveRow(row, { config, known, inputs });
      if (index === last) throw new UserError("the last row must be Detect");
      const { definition, repeats, args } = resolved;
      modules += repeats;
      if (modules > mostModules) throw new UserError(`more than ${mostModules} modules`);
      const part = instances(resolved, { activation, channels: inputs });
      const parameters = countParameters(part);
      if (parameters > mostParameters) {
        throw new UserError(`${parameters} parameters, expected at most ${mostParameters}`);
      }
      widths.push(widthsOf(definition, args, inputs));
      built.push({
        part,
        run: (xs) => [(part as (x: unknown) => Tensor | readonly Tensor[])(definition.list ? xs : xs[0])].flat(),
        layer: { index, from: row.from, repeats, module: row.module, args, parameters },
      });
    });
  });
  return assemble(config, built, { widths, anchors: options.anchors });
}

function widthsOf(definition: BlockDefinition, args: Args, inputs: readonly number[]): readonly number[] {
  if (definition.maps) return definition.maps(args as never, inputs);
  if (definition.channels) return [definition.channels(args as never, inputs)];
  return [(args.c2 as number | undefined) ?? inputs[0]];
}

function assemble(
  config: ModelConfig,
  built: readonly Built[],
  { widths, anchors }: { widths: readonly (readonly number[])[]; anchors?: readonly (readonly number[])[] },
): DetectionModel {
  const headRow = config.rows[built.length];
  const levelRows = sources(headRow, built.length);
  const where = `${headRow.place}: row ${built.length} (Detect)`;
  const layerMaps = (x: Tensor): (readonly Tensor[])[] => {
    const outputs: (readonly Tensor[])[] = [];
    // Between the layers `recompute` may forget what is inside them.
    const start = boundary(x);
    built.forEach(({ run, layer }) => {
      const inputs = sources(config.rows[layer.index], layer.index).flatMap((from) =>
        from < 0 ? start : outputs[from],
      );
      const place = `${config.rows[layer.index].place}: row ${layer.index} (${layer.module})`;
      outputs.push(at(place, () => shapeChecked(() => run(inputs)).map(boundary)));
    });
    return outputs;
  };
  const levels = (x: Tensor): Tensor[] => {
    const outputs = layerMaps(x);
    return levelRows.flatMap((row) => outputs[row]);
  };
  const ch = levelRows.flatMap((row) => widths[row]);
  const given = at(where, () => levelAnchors(anchors ?? headAnchors(headRow, config), ch.length));
  const strides = measureStrides(levels, { ch: config.ch, where });
  const pixels = orderAnchors(given, strides);
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
    module: module(parts, (x: Tensor) => head.module(levels(x))),
    layerOutputs: (x) => layerMaps(x).map((maps) => maps[maps.length - 1]),
    layerMaps,
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
    if (error instanceof ShapeError) throw new UserError(error.message, { cause: error });
    throw error;
  }
}

function savedLayers(config: ModelConfig): number[] {
  const saved = new Set<number>();
  config.rows.forEach((row, index) => {
    const list = typeof row.from === "number" ? [row.from] : row.from;
    for (const from of list) if (from !== -1) saved.add(from < 0 ? index + from : from);
  });
  return [...saved].sort((a, b) => a - b);
}
