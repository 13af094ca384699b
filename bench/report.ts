import { caseName } from "./cases.js";
import type { Duel, Rival } from "./duel.js";
import type { Estimate } from "./stats.js";

/** A Markdown table; all columns but the first are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A value with its interval, as in tables. */
export const interval = ({ value, low, high }: Estimate): string =>
  `${value.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;

/** Bytes as whole MiB. */
export const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

/** A case's rival by its name; nothing where it has no times. */
export const rivalOf = ({ rivals }: Duel, name: string): Rival | undefined =>
  rivals.find((rival) => rival.name === name && rival.side);

/** One line on the check before the timing. */
export function agreementLine(duels: readonly Duel[]): string {
  const found = duels.flatMap(({ rivals }) => rivals.flatMap(({ agreement }) => agreement ?? []));
  if (found.length === 0) return "Nothing was compared.";
  const worst = found.reduce((a, b) => (b.worst > a.worst ? b : a));
  const tensors = found.reduce((n, { compared }) => n + compared, 0);
  const moved = Math.max(...duels.map((one) => one.moved ?? 0));
  return [
    `Before timing, ${tensors} tensors of the sides were compared; the largest difference is ${worst.worst.toExponential(1)} of a tensor's largest value (${worst.where}).`,
    ...(moved > 0
      ? [`Weights that differ in their last places move our own gradients by up to ${moved.toExponential(1)}.`]
      : []),
  ].join(" ");
}

/** A line for every side that could not do some cases, with its reason. */
export function missingLines(duels: readonly Duel[]): string[] {
  const cases = new Map<string, string[]>();
  for (const one of duels) {
    for (const { name, missing } of one.rivals) {
      if (missing === undefined) continue;
      const line = `${name}: ${missing.replace(/\.$/, "")}`;
      cases.set(line, [...(cases.get(line) ?? []), caseName(one)]);
    }
  }
  const all = duels.length;
  return [...cases].map(([line, names]) => `${line}${names.length === all ? "" : ` (${names.join(", ")})`}.`);
}

/** A document with the named section between its marks replaced, or put at the end where it has none. */
export function withSection(document: string, name: string, body: string): string {
  const [begin, end] = [`<!-- bench ${name}: written by npm run bench -->`, `<!-- end of bench ${name} -->`];
  const section = `${begin}\n\n${body.trim()}\n\n${end}`;
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) return `${document.trimEnd()}\n\n${section}\n`;
  return document.slice(0, from) + section + document.slice(to + end.length);
}
