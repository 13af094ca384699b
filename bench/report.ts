import { type Case, caseName } from "./cases.js";
import type { Duel, Side } from "./duel.js";
import type { LoaderSpeed } from "./loader.js";
import type { Estimate } from "./stats.js";

/** A Markdown table; all columns but the first are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** Steps of both sides: milliseconds, pictures a second, the ratio with its interval and that of the fastest steps, peak memory. */
export function duelTable(duels: readonly Duel[]): string {
  const train = duels.some(({ ours }) => ours.updateMs !== undefined);
  const head = [
    "model, batch x size",
    "ours ms",
    "PyTorch ms",
    "ours / PyTorch (95%)",
    "fastest steps",
    "ours pictures/s",
    "PyTorch pictures/s",
    ...(train ? ["update ours ms", "update PyTorch ms"] : []),
    "ours MiB",
    "PyTorch MiB",
  ];
  const row = (one: Duel) => [
    caseName(one),
    ...both(one, ({ ms }) => ms.toFixed(0)),
    one.ratio ? interval(one.ratio) : "-",
    one.fastest?.toFixed(2) ?? "-",
    ...both(one, ({ ms }) => ((one.batch / ms) * 1000).toFixed(1)),
    ...(train ? both(one, ({ updateMs }) => updateMs?.toFixed(1)) : []),
    ...both(one, ({ peak }) => (peak / 2 ** 20).toFixed(0)),
  ];
  return table(head, duels.map(row));
}

const both = ({ ours, peer }: Duel, say: (side: Side) => string | undefined): string[] => [
  say(ours) ?? "-",
  (peer && say(peer)) ?? "-",
];

const interval = ({ value, low, high }: Estimate): string =>
  `${value.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;

/** One line on the check before the timing. */
export function agreementLine(duels: readonly Duel[]): string {
  const found = duels.flatMap(({ agreement }) => agreement ?? []);
  if (found.length === 0) return "Nothing was compared.";
  const worst = found.reduce((a, b) => (b.worst > a.worst ? b : a));
  const tensors = found.reduce((n, { compared }) => n + compared, 0);
  return `Before timing, ${tensors} tensors of both sides were compared; the largest difference is ${worst.worst.toExponential(1)} of a tensor's largest value (${worst.where}).`;
}

/** Pictures a second by worker count and cache. */
export const loaderTable = (speeds: readonly LoaderSpeed[]): string =>
  table(
    ["workers", "cache", "pictures/s"],
    speeds.map(({ workers, cache, picturesPerSecond }) => [String(workers), cache, picturesPerSecond.toFixed(0)]),
  );

/** A document with the named section between its marks replaced, or put at the end where it has none. */
export function withSection(document: string, name: string, body: string): string {
  const [begin, end] = [`<!-- bench ${name}: written by npm run bench -->`, `<!-- end of bench ${name} -->`];
  const section = `${begin}\n\n${body.trim()}\n\n${end}`;
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) return `${document.trimEnd()}\n\n${section}\n`;
  return document.slice(0, from) + section + document.slice(to + end.length);
}

/** How a case is said while it runs. */
export const duelLine = (one: Duel & Case): string =>
  `${one.kind} ${caseName(one)}: ${one.ours.ms.toFixed(0)} ms` +
  (one.peer && one.ratio ? `, PyTorch ${one.peer.ms.toFixed(0)} ms, ratio ${interval(one.ratio)}` : "");
