import { isCollection, isMap, isNode, isScalar, LineCounter, type Node, parseDocument, visit } from "yaml";
import { UserError } from "../../errors/index.js";

type Path = readonly (string | number)[];

/** The plain contents of a YAML text, and the means to say where in it something stands. */
export interface YamlDocument {
  readonly file: string;
  /** Maps, arrays, strings, numbers, booleans and null. */
  readonly value: unknown;
  /** `file:line:column` of the key or item at this path, or of the nearest part of the path that is there. */
  place(...path: (string | number)[]): string;
  /** The scalar at this path as it is written (so that `007` stays `007`); undefined if there is none. */
  text(...path: (string | number)[]): string | undefined;
}

/**
 * Parses YAML from whatever source: no tags but the plain ones, no repeated keys, no aliases that multiply.
 * `file` is the name in messages. A UserError says where the mistake is.
 */
export function parseYaml(text: string, file: string): YamlDocument {
  try {
    return parse(text, file);
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`${file}: nested too deeply to be read`);
    throw error;
  }
}

function parse(text: string, file: string): YamlDocument {
  const lines = new LineCounter();
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  // Repeated keys are looked for below, in linear time; the parser's own check compares all with all.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, schema: "core" } as const;
  const document = parseDocument(text, options);
  const wrong = document.errors[0] ?? document.warnings[0];
  if (wrong) throw new UserError(`${placeOf(wrong.pos[0])}: ${wrong.message}`);
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = String(isScalar(key) ? key.value : key);
        const start = isNode(key) ? (key.range?.[0] ?? 0) : 0;
        if (seen.has(name)) throw new UserError(`${placeOf(start)}: key "${name}" is there twice`);
        seen.add(name);
      }
    },
  });
  return {
    file,
    value: plain(() => document.toJS({ maxAliasCount: 100 }) as unknown, file),
    place: (...path) => placeOf(find(document.contents, path).start),
    text: (...path) => {
      const { node } = find(document.contents, path);
      return isScalar(node) ? (typeof node.value === "string" ? node.value : node.source) : undefined;
    },
  };
}

function plain(convert: () => unknown, file: string): unknown {
  try {
    return convert();
  } catch (error) {
    if (error instanceof ReferenceError) throw new UserError(`${file}: ${error.message}`);
    throw error;
  }
}

function find(contents: Node | null, path: Path): { node: unknown; start: number } {
  let node: unknown = contents;
  let start = contents?.range?.[0] ?? 0;
  for (const step of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step)) : null;
    const child: unknown = pair
      ? pair.value
      : isCollection(node) && !isMap(node)
        ? node.items[Number(step)]
        : undefined;
    if (!pair && !child) return { node: undefined, start };
    const marked = pair ? pair.key : child;
    if (isNode(marked)) start = marked.range?.[0] ?? start;
    node = child;
  }
  return { node, start };
}
