import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSafetensors } from "swinyolo/engine";
import type { Agreement } from "./agree.js";
import { type Case, caseName } from "./cases.js";
import { checkSides, type Ready, unchecked } from "./check.js";
import type { Contender, Present } from "./contenders.js";
import { type Waiting, writeCase } from "./prepare.js";
import { type Estimate, median, medianInterval, settled } from "./stats.js";
import { type Ending, runOnce, type StepTime, startWorker, type Worker } from "./turns.js";

/** The times of one side, a step a round. */
export interface Side extends Ending {
  readonly ms: number;
  readonly updateMs?: number;
  /** Memory before it read or built anything, in bytes. */
  readonly base: number;
  readonly steps: readonly StepTime[];
}

/** Another side beside ours, or why it has no times. */
export interface Rival {
  readonly name: string;
  readonly side?: Side;
  readonly missing?: string;
  /** Its time over ours, the median over rounds: above 1 we are faster. */
  readonly speed?: Estimate;
  /** The same of each side's fastest step: what others on the machine disturb least. */
  readonly fastest?: number;
  readonly agreement?: Agreement;
}

/** A case as it was timed. */
export interface Duel extends Case {
  readonly ours: Side;
  readonly rivals: readonly Rival[];
  readonly rounds: number;
  /** Rounds before the first that counts. */
  readonly warmup: number;
  /** How far rounding alone moved our gradients in the check. */
  readonly moved?: number;
}

export interface DuelOptions {
  readonly rounds: number;
  /** Rounds at the most before the first that counts; fewer where steps stop getting faster. */
  readonly warmup: number;
  /** No more rounds after so long. */
  readonly minutes: number;
  readonly threads: number;
  readonly waiting: Waiting;
  /** Compare the results of all sides first. */
  readonly check?: boolean;
}

/**
 * Times a case: all sides in processes of their own, taking turns step by step, after a check that they compute the same. The
 * first contender is the one that the others are measured against.
 * @throws Error when they do not, but for a side that may refuse: that one is left out.
 */
export async function duel(
  one: Case,
  [first, ...others]: readonly [Present, ...Contender[]],
  options: DuelOptions,
): Promise<Duel> {
  const folder = await mkdtemp(join(tmpdir(), "swinyolo-bench-"));
  try {
    const exports = one.kind === "inference" && others.some((other) => "compares" in other);
    const write = (pictures: number) => writeCase(one, { folder, exports, pictures, ...options });
    const results = async (contender: Present, file: string) => {
      const out = join(folder, "results.safetensors");
      await runOnce(contender.command("check", file, out));
      return (await readSafetensors(out)).tensors;
    };
    const { file, checked, moved } = await (options.check === false
      ? unchecked(others, { write })
      : checkSides([first, ...others], { name: caseName(one), write, results }));
    const ready = checked.filter((found): found is Ready => "contender" in found);
    const commands = [first, ...ready.map(({ contender }) => contender)].map(({ command }) => command("turns", file));
    const { sides, warmup } = await takeTurns(commands, options);
    const [ours, ...theirs] = sides;
    const rivals = checked.map((found): Rival => {
      if (!("contender" in found)) return found;
      const { contender, agreement } = found;
      return { name: contender.name, agreement, ...against(ours, theirs[ready.indexOf(found)]) };
    });
    return { ...one, ours, rivals, rounds: ours.steps.length, warmup, ...(moved !== undefined && { moved }) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function against(ours: Side, side: Side): Pick<Rival, "side" | "speed" | "fastest"> {
  const least = ({ steps }: Side) => Math.min(...steps.map(({ ms }) => ms));
  return { side, speed: medianInterval(speeds(ours, side)), fastest: least(side) / least(ours) };
}

/** The other side's time over ours, round by round. */
export const speeds = (ours: Side, side: Side): number[] => side.steps.map(({ ms }, i) => ms / ours.steps[i].ms);

type Command = Parameters<typeof startWorker>[0];

// The first side begins in even rounds, the last in odd ones.
async function takeTurns(
  commands: readonly Command[],
  { rounds, warmup, minutes }: DuelOptions,
): Promise<{ sides: Side[]; warmup: number }> {
  const workers: Worker[] = [];
  try {
    for (const command of commands) workers.push(await startWorker(command));
    const turn = async (steps: readonly StepTime[][]) => {
      const order = workers.map((_, i) => i);
      if (steps[0].length % 2 !== 0) order.reverse();
      for (const i of order) steps[i].push(await workers[i].step());
    };
    const warm = workers.map((): StepTime[] => []);
    while (warm[0].length < warmup && !warm.every((steps) => settled(steps.map(({ ms }) => ms)))) await turn(warm);
    const steps = workers.map((): StepTime[] => []);
    const end = performance.now() + minutes * 60_000;
    while (steps[0].length < rounds && (steps[0].length < 2 || performance.now() < end)) await turn(steps);
    const endings: Ending[] = [];
    for (const worker of workers) endings.push(await worker.end());
    const sides = workers.map(({ base }, i) => side(steps[i], { base, ...endings[i] }));
    return { sides, warmup: warm[0].length };
  } finally {
    for (const worker of workers) worker.kill();
  }
}

function side(steps: readonly StepTime[], { kernelMs, ...rest }: Ending & { base: number }): Side {
  const updates = steps.flatMap(({ updateMs }) => updateMs ?? []);
  return {
    ms: median(steps.map(({ ms }) => ms)),
    ...(updates.length > 0 && { updateMs: median(updates) }),
    // Of the steps that count.
    ...(kernelMs && { kernelMs: kernelMs.slice(-steps.length) }),
    ...rest,
    steps,
  };
}
