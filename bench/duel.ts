import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readSafetensors } from "swinyolo/engine";
import { type Agreement, agreement, tolerance } from "./agree.js";
import { type Case, caseName } from "./cases.js";
import type { Peer } from "./peer.js";
import { stepRates, type Waiting, writeCase } from "./prepare.js";
import { type Estimate, median, medianInterval } from "./stats.js";
import { type Command, runOnce, type StepTime, startWorker, type Worker } from "./turns.js";

/** The times of one side, a step a round. */
export interface Side {
  readonly ms: number;
  readonly updateMs?: number;
  /** Bytes. */
  readonly peak: number;
  readonly steps: readonly StepTime[];
}

/** A case as it was timed. */
export interface Duel extends Case {
  readonly ours: Side;
  readonly peer?: Side;
  /** Our time over the peer's, the median over rounds: below 1 we are faster. */
  readonly ratio?: Estimate;
  /** The same of each side's fastest step: what others on the machine disturb least. */
  readonly fastest?: number;
  readonly agreement?: Agreement;
}

export interface DuelOptions {
  readonly rounds: number;
  /** Steps of each side before the first that counts. */
  readonly warmup: number;
  readonly threads: number;
  readonly waiting: Waiting;
}

/**
 * Times a case: both sides in processes of their own, taking turns step by step, after a check that they compute the same.
 * @throws Error when they do not.
 */
export async function duel(one: Case, peer: Peer, options: DuelOptions): Promise<Duel> {
  const folder = await mkdtemp(join(tmpdir(), "swinyolo-bench-"));
  try {
    const file = await writeCase(one, { folder, ...options });
    if ("missing" in peer) {
      const [ours] = await takeTurns([ourCommand("turns", file)], options);
      return { ...one, ours };
    }
    const agreed = await checkAgreement(peer.command, { one, file, folder });
    const [ours, theirs] = await takeTurns([ourCommand("turns", file), peer.command("turns", file)], options);
    const ratio = medianInterval(ours.steps.map(({ ms }, round) => ms / theirs.steps[round].ms));
    const least = ({ steps }: Side) => Math.min(...steps.map(({ ms }) => ms));
    return { ...one, ours, peer: theirs, ratio, fastest: least(ours) / least(theirs), agreement: agreed };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const ourCommand = (...args: string[]): Command => ({
  name: "swinyolo",
  program: process.execPath,
  args: [fileURLToPath(new URL("worker.js", import.meta.url)), ...args],
});

async function checkAgreement(
  peer: (...args: string[]) => Command,
  { one, file, folder }: { one: Case; file: string; folder: string },
): Promise<Agreement> {
  const [ours, theirs] = [join(folder, "ours.safetensors"), join(folder, "peer.safetensors")];
  await runOnce(ourCommand("check", file, ours));
  await runOnce(peer("check", file, theirs));
  const { lr } = stepRates;
  const found = agreement((await readSafetensors(ours)).tensors, (await readSafetensors(theirs)).tensors, { lr });
  if (!(found.worst <= tolerance)) {
    throw new Error(
      `${caseName(one)}: the sides do not compute the same: ${found.where} is off by ${found.worst.toExponential(1)} of its largest value, ${tolerance} is allowed`,
    );
  }
  return found;
}

// The first side begins in even rounds, the last in odd ones.
async function takeTurns(commands: readonly Command[], { rounds, warmup }: DuelOptions): Promise<Side[]> {
  const workers: Worker[] = [];
  try {
    for (const command of commands) workers.push(await startWorker(command));
    const steps = workers.map((): StepTime[] => []);
    for (let round = -warmup; round < rounds; round++) {
      const order = workers.map((_, i) => i);
      if (round % 2 !== 0) order.reverse();
      for (const i of order) {
        const step = await workers[i].step();
        if (round >= 0) steps[i].push(step);
      }
    }
    const peaks: number[] = [];
    for (const worker of workers) peaks.push(await worker.end());
    return workers.map((_, i) => side(steps[i], peaks[i]));
  } finally {
    for (const worker of workers) worker.kill();
  }
}

function side(steps: readonly StepTime[], peak: number): Side {
  const updates = steps.flatMap(({ updateMs }) => updateMs ?? []);
  return {
    ms: median(steps.map(({ ms }) => ms)),
    ...(updates.length > 0 && { updateMs: median(updates) }),
    peak,
    steps,
  };
}
