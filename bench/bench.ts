import { availableParallelism } from "node:os";
import { type Case, caseName } from "./cases.js";
import type { Contender, Present } from "./contenders.js";
import { type Duel, duel } from "./duel.js";
import type { BenchOptions } from "./options.js";
import { agreementLine, interval, missingLines } from "./report.js";

/** What a bench found: everything for the JSON, the tables for the document. */
export interface Found {
  readonly data: object;
  readonly markdown: string;
}

/** A bench; `keep` puts what there is so far into the JSON, so that a long run cut short is not for nothing. */
export type Bench = (options: BenchOptions, keep: (data: object) => void) => Promise<Found>;

/** How many rounds a case gets where the command line does not say. */
export interface Effort {
  readonly rounds: number;
  readonly minutes: number;
  readonly check?: boolean;
}

/** Times cases one after another, saying each; a case that fails ends the run. */
export async function duels(
  cases: readonly Case[],
  contenders: readonly [Present, ...Contender[]],
  { options, keep, effort }: { options: BenchOptions; keep: (data: object) => void; effort: Effort },
): Promise<Duel[]> {
  const setting = settingOf(options, effort);
  for (const contender of contenders) if ("missing" in contender) console.error(contender.missing);
  const found: Duel[] = [];
  for (const one of cases) {
    found.push(await duel(one, contenders, setting));
    console.error(duelLine(found.at(-1)!));
    keep({ ...setting, duels: found });
  }
  return found;
}

/** The options of a bench's cases, all decided. */
export const settingOf = (options: BenchOptions, { rounds, minutes, check = true }: Effort) => ({
  rounds: options.rounds ?? rounds,
  minutes: options.minutes ?? minutes,
  warmup: options.warmup,
  threads: options.threads ?? availableParallelism(),
  waiting: options.waiting,
  check,
});

/** What every table of steps begins with: who took part, how, and what was compared before. */
export function opening(
  found: readonly Duel[],
  contenders: readonly Contender[],
  setting: ReturnType<typeof settingOf>,
): string {
  const { rounds, minutes, warmup, threads, waiting } = setting;
  const about = contenders.flatMap((one) => ("missing" in one ? one.missing : (one.about ?? []))).join("; ");
  return [
    `${about ? `${about}. ` : ""}${threads} threads, ${waiting} while they wait; all sides take turns, up to ${rounds} rounds (or ${minutes} minutes) a case after a warm-up that lasts until steps stop getting faster (at most ${warmup}); medians. ${agreementLine(found)}`,
    ...missingLines(found),
  ].join("\n\n");
}

const duelLine = (one: Duel): string =>
  [
    `${one.kind} ${caseName(one)}: ${one.ours.ms.toFixed(0)} ms (${one.rounds} rounds after ${one.warmup})`,
    ...one.rivals.map(({ name, side, speed, missing }) =>
      side && speed ? `${name} ${side.ms.toFixed(0)} ms, ${interval(speed)} times its speed` : `${name}: ${missing}`,
    ),
  ].join("; ");
