import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { writeSafetensors } from "swinyolo/engine";
import type { HostArray } from "swinyolo/graph";
import { peakMemory } from "./memory.js";
import type { CaseFile } from "./prepare.js";
import type { Ending, StepTime } from "./turns.js";

/** One step; `results`, where given, gets everything that others must have too. */
export type Step = (results?: Map<string, HostArray>) => Promise<Omit<StepTime, "ms" | "cpuMs">>;

export interface Side {
  readonly step: Step;
  /** What there is to say at the end, after so many steps. */
  readonly end?: (steps: number) => Omit<Ending, "peak">;
}

/**
 * A side of a case, in a process of its own; the peers' programs speak the same:
 *
 *     check CASE.json OUT.safetensors   one step, all its results into a file
 *     turns CASE.json                   a step for every line "step" on stdin; "end" gives the peak memory
 */
export async function serve<C = CaseFile>(
  [mode, caseFile, out]: readonly string[],
  prepare: (one: C) => Promise<Side>,
): Promise<void> {
  const base = process.memoryUsage.rss();
  const side = await prepare(JSON.parse(readFileSync(caseFile, "utf8")) as C);
  if (mode === "check") {
    const results = new Map<string, HostArray>();
    await side.step(results);
    return writeSafetensors(out, results);
  }
  say({ ready: true, base });
  let steps = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "end") break;
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const result = await side.step();
    const { user, system } = process.cpuUsage(cpu);
    say({ ms: performance.now() - start, cpuMs: (user + system) / 1000, ...result });
    steps++;
  }
  say({ peak: peakMemory(), ...side.end?.(steps) });
}

const say = (fields: object) => process.stdout.write(`${JSON.stringify(fields)}\n`);
