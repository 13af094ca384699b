import type { BlockDefinition, ModelKey } from "../blocks/define.js";
import { blocks } from "../blocks/index.js";
import type { Layer } from "./model.js";

/** The windows of a row that takes `window` and `pretrained_window`. */
export interface RowWindows {
  /** The row's number, and its module. */
  readonly row: number;
  readonly module: string;
  /** Sides: one, or one a stage. */
  readonly window: number | readonly number[];
  /** The sides that the position bias was first trained with. */
  readonly trained: number | readonly number[];
}

/** The rows of a model that have windows with a position bias for any size of them. */
export function rowWindows(layers: readonly Layer[], extra: readonly BlockDefinition[] = []): RowWindows[] {
  return layers.flatMap(({ index, module, args }) => {
    const names = windowArgs(known(extra).get(module));
    if (!names) return [];
    const [window, pretrained] = names.map((name) => args[name] as number | readonly number[]);
    const trained = each(window, pretrained, (side, before) => before || side);
    return [{ row: index, module, window, trained }];
  });
}

/** A model YAML whose rows have these windows, and a position bias in the scale that it was trained in. */
export function withRowWindows(
  yaml: object,
  windows: readonly RowWindows[],
  extra: readonly BlockDefinition[] = [],
): object {
  const sections = yaml as { readonly backbone: readonly unknown[]; readonly head: readonly unknown[] };
  const changed = (row: unknown, index: number): unknown => {
    const found = windows.find((one) => one.row === index);
    const definition = known(extra).get(found?.module ?? "");
    return found && definition ? withWindow(row as Contents, definition, found) : row;
  };
  const { backbone, head } = sections;
  return {
    ...yaml,
    backbone: backbone.map(changed),
    head: head.map((row, i) => changed(row, backbone.length + i)),
  };
}

type Contents = readonly [from: unknown, number: unknown, module: unknown, args: readonly unknown[]];

// What the row lists stays in its place; the rest goes by name.
function withWindow([from, number, module, args]: Contents, definition: BlockDefinition, to: RowWindows): unknown[] {
  const last = args.at(-1);
  const named = typeof last === "object" && last !== null && !Array.isArray(last) ? (last as object) : undefined;
  const listed = [...(named ? args.slice(0, -1) : args)];
  const order = listedNames(definition);
  const byName: Record<string, unknown> = { ...named };
  const [window, pretrained] = windowArgs(definition) ?? [];
  for (const [name, value] of [
    [window, to.window],
    [pretrained, to.trained],
  ] as const) {
    const at = order.indexOf(name ?? "");
    if (at < listed.length) listed[at] = value;
    else byName[name ?? ""] = value;
  }
  return [from, number, module, [...listed, ...(Object.keys(byName).length > 0 ? [byName] : [])]];
}

// A row that is scaled lists neither its input's width nor its repeats.
const listedNames = ({ args, widths, repeats }: BlockDefinition): string[] =>
  Object.keys(args).filter((_, i) => widths !== "scaled" || (i !== 0 && !(repeats && i === 2)));

function windowArgs(definition: BlockDefinition | undefined): [string, string] | undefined {
  const inherits = Object.entries(definition?.inherits ?? {});
  const [window, pretrained] = (["window", "pretrained_window"] satisfies ModelKey[]).map(
    (wanted) => inherits.find(([, key]) => key === wanted)?.[0],
  );
  return window !== undefined && pretrained !== undefined ? [window, pretrained] : undefined;
}

const known = (extra: readonly BlockDefinition[]): ReadonlyMap<string, BlockDefinition> =>
  new Map([...Object.values(blocks), ...extra].map((block) => [block.name, block]));

type Sides = number | readonly number[];

function each(window: Sides, pretrained: Sides, f: (side: number, before: number) => number): Sides {
  if (typeof window === "number" && typeof pretrained === "number") return f(window, pretrained);
  const stages = typeof window === "number" ? (pretrained as readonly number[]).length : window.length;
  const at = (sides: Sides, i: number) => (typeof sides === "number" ? sides : sides[i]);
  return Array.from({ length: stages }, (_, i) => f(at(window, i), at(pretrained, i)));
}
