import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  Parser,
  visit,
} from "yaml";
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
 * Parses YAML from whatever source: no tags but the plain ones, no repeated keys, no aliases that multiply or lead in a
 * circle, at most 100 levels. `file` is the name in messages. A UserError says where the mistake is.
 */
export function parseYaml(text: string, file: string): YamlDocument {
  const lines = new LineCounter();
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const document = compose(text, { lines, placeOf });
  const wrong = document.errors[0] ?? document.warnings[0];
  if (wrong) throw new UserError(`${placeOf(wrong.pos[0])}: ${wrong.message}`);
  visit(document, {
    Alias: (_, { source, range }, path) => {
      if (!path.some((node) => isCollection(node) && node.anchor === source)) return;
      throw new UserError(`${placeOf(range?.[0] ?? 0)}: alias *${source} is part of what it stands for`);
    },
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
    place: (...path) => placeOf(find(document, path).start),
    text: (...path) => {
      const { node } = find(document, path);
      return isScalar(node) ? (typeof node.value === "string" ? node.value : node.source) : undefined;
    },
  };
}

const maxDepth = 100;

// What the package's parseDocument does, but with an eye on the depth: what comes after calls itself for each level.
function compose(
  text: string,
  { lines, placeOf }: { lines: LineCounter; placeOf: (offset: number) => string },
): Document {
  // Repeated keys are looked for above, in linear time; the package's own check compares all with all.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, schema: "core" });
  const [document, second] = composer.compose(tokens(text, { lines, placeOf }), true, text.length);
  if (second) throw new UserError(`${placeOf(second.range[0])}: a second document, expected one`);
  return document;
}

function* tokens(
  text: string,
  { lines, placeOf }: { lines: LineCounter; placeOf: (offset: number) => string },
): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > maxDepth) throw new UserError(`${placeOf(parser.offset)}: nested too deeply`);
  }
  yield* parser.end();
}

function plain(convert: () => unknown, file: string): unknown {
  try {
    return convert();
  } catch (error) {
    if (error instanceof ReferenceError) throw new UserError(`${file}: ${error.message}`);
    throw error;
  }
}

function find(document: Document, path: Path): { node: unknown; start: number } {
  let node: unknown = document.contents;
  let start = document.contents?.range?.[0] ?? 0;
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
    node = isAlias(child) ? child.resolve(document) : child;
  }
  return { node, start };
}
