import { suggestion, UserError } from "../../errors/index.js";
import {
  type Args,
  type ArgValue,
  anchorList,
  type BlockContext,
  type BlockDefinition,
  type BlockModule,
  bindArgs,
  count,
  defineBlock,
  flag,
} from "../blocks/define.js";
import { leaf, type Module, sequential } from "../module.js";
import { roundHalfEven } from "../optim/schedule.js";
import type { ModelConfig, Row } from "./config.js";

/** Layers that a row reads, counted from 0; -1 is the picture. */
export const sources = (row: Row, index: number): number[] =>
  (typeof row.from === "number" ? [row.from] : row.from).map((from) => (from < 0 ? index + from : from));

/** A UserError where a row reads a layer that does not come before it. */
export function checkFrom(row: Row, index: number): void {
  const first = index === 0 ? -1 : 0;
  const wrong = [row.from].flat().find((from) => {
    const source = from < 0 ? index + from : from;
    return source < first || source >= index;
  });
  if (wrong === undefined) return;
  const expected = index === 0 ? "-1, the picture" : `a layer before this one: -${index} to -1, or 0 to ${index - 1}`;
  throw new UserError(`from: got ${wrong}, expected ${expected}`);
}

export interface RowContext {
  readonly config: ModelConfig;
  readonly known: ReadonlyMap<string, BlockDefinition>;
  /** Widths of the row's inputs. */
  readonly inputs: readonly number[];
}

/** What a row says: which module, how often after the depth gain, its constructor's arguments by name. */
export interface ResolvedRow {
  readonly definition: BlockDefinition;
  readonly repeats: number;
  readonly args: Args;
}

/**
 * A row with names looked up and gains applied.
 * @throws UserError for an unknown module, wrong arguments, or several inputs where one is taken.
 */
export function resolveRow(row: Row, { config, known, inputs }: RowContext): ResolvedRow {
  const definition = known.get(row.module);
  if (!definition) {
    throw new UserError(`module "${row.module}" is not known${suggestion(row.module, [...known.keys(), "Detect"])}`);
  }
  if (inputs.length > 1 && !definition.list) {
    const [what, hint] = typeof row.from === "number" ? ["maps", "; a row Feature picks one"] : ["layers", ""];
    throw new UserError(`from: got ${inputs.length} ${what}, expected one: ${row.module} has a single input${hint}`);
  }
  const repeats = row.number > 1 ? Math.max(roundHalfEven(row.number * config.depth), 1) : row.number;
  if (repeats > 1 && (definition.list || definition.maps)) {
    const shape = definition.list ? "takes a list and gives one output" : "takes one input and gives a list";
    throw new UserError(`number: got ${row.number}, expected 1: ${row.module} ${shape}`);
  }
  const values = row.args.map((value) => lookUp(value, config));
  if (definition.widths === "scaled") {
    const [width, ...rest] = values;
    const c2 = typeof width === "number" ? scaledWidth(width, config) : width;
    const front = definition.repeats ? [inputs[0], c2, repeats, ...rest] : [inputs[0], c2, ...rest];
    return { definition, repeats, args: bound(definition, front as ArgValue[], row, config) };
  }
  // Whatever its row says, it normalises its input.
  if (definition.name === "nn.BatchNorm2d") return { definition, repeats, args: { num_features: inputs[0] } };
  return { definition, repeats, args: bound(definition, values, row, config) };
}

// Listed arguments, named ones, and those that are the whole model's.
function bound(definition: BlockDefinition, values: readonly ArgValue[], { named }: Row, config: ModelConfig): Args {
  const own = Object.fromEntries(Object.entries(named).map(([key, value]) => [key, lookUp(value, config)]));
  const order = Object.keys(definition.args);
  const open = Object.entries(definition.inherits ?? {}).filter(
    ([key, from]) =>
      config.shared[from] !== undefined && !Object.hasOwn(own, key) && order.indexOf(key) >= values.length,
  );
  return bindArgs(definition, values, {
    ...own,
    ...Object.fromEntries(open.map(([key, from]) => [key, config.shared[from] as ArgValue])),
  });
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

/** The module of a row; repeated ones in sequence, named 0, 1, ... */
export function instances({ definition, args, repeats }: ResolvedRow, context: BlockContext): BlockModule {
  const make = () => definition.build(args as never, context);
  if (definition.repeats || repeats === 1) return make();
  return sequential(Array.from({ length: repeats }, () => make() as Module));
}

// The head's arguments; it is built when the strides are known.
const detectDefinition = defineBlock({
  name: "Detect",
  list: true,
  args: { nc: count.or(80), anchors: anchorList.or([]), inplace: flag.or(true) },
  build: () => leaf((x) => x),
});

/**
 * The anchors of the head's row: those of the YAML, unless the row brings its own.
 * @throws UserError for wrong arguments, and for a number of classes that is not the model's.
 */
export function headAnchors(row: Row, config: ModelConfig): ModelConfig["anchors"] {
  const values = row.args.map((value) => lookUp(value, config));
  const { nc = config.nc, anchors } = bindArgs(detectDefinition, values, row.named) as {
    nc?: number;
    anchors: ModelConfig["anchors"];
  };
  if (values.length > 0 && nc !== config.nc) {
    throw new UserError(`argument nc: got ${nc}, expected nc, the model's ${config.nc} classes`);
  }
  return Array.isArray(anchors) && anchors.length === 0 ? config.anchors : anchors;
}
