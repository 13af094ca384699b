import type { Labels } from "../sample.js";
import { segmentsToBoxes } from "../segments.js";
import { withoutMark } from "./files.js";

/** Something wrong with a file of a data set; `line` counts from 1, 0 is the file as a whole. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** A label file's objects, or the problems for which it cannot be used. */
export interface ParsedLabels {
  /** Boxes as centre and size in fractions of the picture; segments in fractions. Absent where there are problems. */
  readonly labels?: Labels;
  readonly problems: readonly Problem[];
  /** What was mended or is odd, but does not keep the file from being used. */
  readonly warnings: readonly Problem[];
  /** How many rows were left out because they repeat another. */
  readonly duplicates: number;
  /** The first row whose class is beyond those of the data set. */
  readonly outOfRange?: Problem;
}

interface Row {
  readonly line: number;
  readonly values: Float32Array;
}

/**
 * Parses a label file: rows of `class cx cy w h`, or of `class x1 y1 x2 y2 ...` (polygons) as soon as any row has more
 * than 6 fields. `nc` is the number of classes; with `singleCls` every object is of class 0, whatever its row says.
 */
export function parseLabels(
  text: string,
  { nc, file, singleCls = false }: { nc: number; file: string; singleCls?: boolean },
): ParsedLabels {
  const problems: Problem[] = [];
  const fields = splitRows(text);
  const polygons = fields.some(({ words }) => words.length > 6);
  const rows = fields.flatMap(({ line, words }): Row[] => {
    const what = wrongCount(words.length, polygons) ?? wrongWord(words);
    if (what === undefined) return [{ line, values: Float32Array.from(words, Number) }];
    problems.push({ file, line, what });
    return [];
  });
  const segments = polygons ? rows.map(({ values }) => values.slice(1)) : undefined;
  const boxes = segments ? segmentsToBoxes(segments) : join(rows.map(({ values }) => values.subarray(1)));
  const outOfRange: Problem[] = [];
  const warnings: Problem[] = [];
  for (const [i, { line, values }] of rows.entries()) {
    const box = boxes.subarray(4 * i, 4 * i + 4);
    const what = wrongBox(box);
    if (what) problems.push({ file, line, what });
    const wrong = singleCls ? undefined : wrongClass(values[0], nc);
    if (wrong) problems.push({ file, line, what: wrong });
    if (wrong && Number.isInteger(values[0]) && values[0] >= nc) outOfRange.push({ file, line, what: wrong });
    if (!what && (box[2] === 0 || box[3] === 0)) warnings.push({ file, line, what: "a box without area" });
  }
  if (problems.length > 0) {
    problems.sort((a, b) => a.line - b.line);
    return { problems, warnings: [], duplicates: 0, outOfRange: outOfRange[0] };
  }
  const classes = Int32Array.from(rows, ({ values }) => (singleCls ? 0 : values[0]));
  const { labels, repeated } = withoutRepeats({ classes, boxes, segments });
  for (const i of repeated) warnings.push({ file, line: rows[i].line, what: "the same object as an earlier row" });
  return { labels, problems, warnings, duplicates: repeated.length };
}

/** Where a picture's labels are: the last `/images/` of its path becomes `/labels/`, its ending `.txt`. */
export function labelPathOf(picturePath: string): string {
  const moved = picturePath.replace(/^(.*[\\/])images([\\/])/s, "$1labels$2");
  return `${moved.replace(/\.[^.\\/]*$/, "")}.txt`;
}

function splitRows(text: string): { line: number; words: string[] }[] {
  return withoutMark(text)
    .split(/\r\n|\r|\n/)
    .map((row, i) => ({ line: i + 1, words: row.trim().split(/\s+/) }))
    .filter(({ words }) => words[0] !== "");
}

function wrongCount(count: number, polygons: boolean): string | undefined {
  if (!polygons) return count === 5 ? undefined : `${count} fields, expected 5 (class cx cy w h)`;
  if (count >= 3 && count % 2 === 1) return undefined;
  return `${count} fields in a file of polygons, expected a class and pairs of x and y`;
}

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function wrongWord(words: readonly string[]): string | undefined {
  const word = words.find((word) => !number.test(word));
  return word === undefined ? undefined : `"${shortened(word)}" is not a number`;
}

const shortened = (word: string) => (word.length > 40 ? `${word.slice(0, 40)}...` : word);

function wrongBox(box: Float32Array): string | undefined {
  const value = box.find((value) => !(value >= 0 && value <= 1));
  if (value === undefined) return undefined;
  return `${[...box].map(short).join(" ")} is no box: ${short(value)} is outside 0 to 1 (fractions of the picture)`;
}

const short = (value: number) => String(Number(value.toPrecision(6)));

function wrongClass(value: number, nc: number): string | undefined {
  if (!Number.isInteger(value)) return `class ${short(value)} is not a whole number`;
  if (value < 0 || value >= nc) return `class ${value}, expected 0 to ${nc - 1}`;
  return undefined;
}

// Where rows repeat, the others come out in order of their numbers; else rows keep the file's order.
function withoutRepeats(labels: Labels): { labels: Labels; repeated: number[] } {
  const { classes, boxes, segments } = labels;
  const seen = new Set<string>();
  const repeated: number[] = [];
  const kept: number[] = [];
  for (const [i, cls] of classes.entries()) {
    const key = [cls, ...boxes.subarray(4 * i, 4 * i + 4)].join(" ");
    (seen.has(key) ? repeated : kept).push(i);
    seen.add(key);
  }
  if (repeated.length === 0) return { labels, repeated };
  const numbers = (i: number) => [classes[i], ...boxes.subarray(4 * i, 4 * i + 4)];
  kept.sort((a, b) => compare(numbers(a), numbers(b)));
  const unique = {
    classes: Int32Array.from(kept, (i) => classes[i]),
    boxes: join(kept.map((i) => boxes.subarray(4 * i, 4 * i + 4))),
    segments: segments && kept.map((i) => segments[i]),
  };
  return { labels: unique, repeated };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at] - b[at];
}

function join(rows: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    joined.set(row, at);
    at += row.length;
  }
  return joined;
}
