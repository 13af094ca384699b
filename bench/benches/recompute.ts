import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { estimateClassifier, type SavingOptions } from "swinyolo/engine";
import { buildSwinClassifier, type SwinVariant, swinVariants } from "swinyolo/nn";
import { type Bench, settingOf } from "../bench.js";
import { casesOf } from "../cases.js";
import type { Waiting } from "../prepare.js";
import { mebibytes, table } from "../report.js";
import { median } from "../stats.js";
import { startWorker } from "../turns.js";

/** What a worker is told. */
export interface RecomputeCase {
  readonly model: string;
  readonly batch: number;
  readonly size: number;
  readonly window: number;
  readonly way: SavingOptions;
  readonly threads: number;
  readonly waiting: Waiting;
}

/** Time and memory of a Swin V2 classifier's training step by what is computed again. */
export const recompute: Bench = async (options, keep) => {
  const setting = settingOf(options, { rounds: 5, minutes: 10, check: false });
  const [{ batch, size }] = casesOf("train", ["t"], options.cases ?? ["1x512"]);
  const model = options.models?.[0]?.replace("swinv2-", "") ?? "t";
  const window = Math.round(size / 32);
  const found: Measured[] = [];
  for (const way of ways) {
    found.push(await measured({ model, batch, size, window, way, ...setting }, setting));
    keep({ ...setting, model, batch, size, window, found });
  }
  const about = `swinv2-${model}, ${batch} x ${size}, window ${window}, AdamW; ${setting.threads} threads, ${setting.waiting} while they wait; medians of ${setting.rounds} steps after ${warmups}, each way in a process of its own, one after another. No peer.`;
  return {
    data: { ...setting, model, batch, size, window, found },
    markdown: [
      about,
      "Peaks are of the whole process, compiling included. The step is activations and gradients, planned from the graph that runs; planned is the whole process.",
      recomputeTable(found),
    ].join("\n\n"),
  };
};

const ways: readonly SavingOptions[] = [
  { recompute: "none" },
  { recompute: "stage" },
  { recompute: "block" },
  { recompute: "none", sequential: 2 },
  { recompute: "block", sequential: 2 },
  { recompute: "block", sequential: 4 },
];

const warmups = 2;

/** A way and what it took; bytes. */
export interface Measured {
  readonly way: SavingOptions;
  readonly ms: readonly number[];
  /** On all cores. */
  readonly cpuMs: readonly number[];
  readonly peak: number;
  readonly step: number;
  readonly planned: number;
  /** The losses of all steps, by which the ways can be seen to do the same. */
  readonly losses: readonly number[];
}

async function measured(one: RecomputeCase, { rounds }: { rounds: number }): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), "swinyolo-bench-"));
  try {
    const file = join(folder, "case.json");
    await writeFile(file, JSON.stringify(one));
    const program = fileURLToPath(new URL("../recomputeWorker.js", import.meta.url));
    const worker = await startWorker({ name: "ours", program: process.execPath, args: [program, "turns", file] });
    const steps = [];
    for (let i = 0; i < warmups + rounds; i++) steps.push(await worker.step());
    const { peak } = await worker.end();
    const counted = steps.slice(warmups);
    const [ms, cpuMs] = [counted.map((step) => step.ms), counted.map((step) => step.cpuMs)];
    return { way: one.way, ms, cpuMs, peak, losses: steps.map(({ value }) => value), ...planOf(one) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function planOf({ model, batch, size, window, way }: RecomputeCase) {
  const variant = swinVariants[model as SwinVariant];
  const classifier = buildSwinClassifier(variant, { imageSize: size, window, classes: 1000, dropPath: 0 });
  const { step, training } = estimateClassifier({ classifier, batch, ...way });
  return { step, planned: training };
}

/** A row for every way, with its time and memory beside those of the first. */
export function recomputeTable(found: readonly Measured[]): string {
  const [first] = found;
  return table(
    [
      "recompute, stages with sequential attention",
      "ms",
      "core ms",
      "core ms of the first",
      "peak MiB",
      "planned MiB",
      "of that the step MiB",
      "largest difference of losses",
    ],
    found.map((one) => [
      `${one.way.recompute ?? "none"}, ${one.way.sequential ?? 0}`,
      median(one.ms).toFixed(0),
      median(one.cpuMs).toFixed(0),
      (median(one.cpuMs) / median(first.cpuMs)).toFixed(2),
      mebibytes(one.peak),
      mebibytes(one.planned),
      mebibytes(one.step),
      Math.max(...one.losses.map((loss, i) => Math.abs(loss - first.losses[i]))).toExponential(1),
    ]),
  );
}
