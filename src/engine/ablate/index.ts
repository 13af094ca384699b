import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { UserError } from "../../errors/index.js";
import { isClassifier, readSwin, type SwinConfig, swinConfig, swinYaml } from "../../nn/index.js";
import type { ClassifyEvent } from "../classify/events.js";
import type { Options } from "../config/index.js";
import { readModelFile } from "../model.js";
import { writeAtomic } from "../weights/files.js";
import { biasAblation } from "./bias.js";
import { stabilityAblation } from "./stability.js";
import { trainVariant } from "./training.js";
import { type AblationKind, kinds, variantsOf } from "./variants.js";

/** What happens in an ablation, in the order it happens. */
export type AblationEvent = AblationRun | AblationTraining | AblationMeasured | AblationEnd;

/** A run begins; `trained` tells that it was trained before. */
export interface AblationRun {
  readonly type: "run";
  readonly variant: string;
  readonly seed: number;
  /** Counted from 1, and runs in all. */
  readonly run: number;
  readonly runs: number;
  readonly trained: boolean;
}

export interface AblationTraining {
  readonly type: "training";
  readonly event: ClassifyEvent;
}

/** What one run came to. */
export interface AblationMeasured {
  readonly type: "measured";
  readonly variant: string;
  readonly seed: number;
  /** Columns of the results and their numbers. */
  readonly results: Readonly<Record<string, number>>;
}

export interface AblationEnd {
  readonly type: "end";
  readonly folder: string;
  /** The table, as Markdown. */
  readonly table: string;
  readonly plot: string;
}

export type AblateSettings = Omit<Options<"ablate">, "json">;

/** One run of an ablation, trained. */
export interface TrainedVariant {
  readonly variant: string;
  readonly seed: number;
  readonly folder: string;
  /** As it was trained. */
  readonly config: SwinConfig;
}

/** How a kind of ablation measures a run, and what it makes of all of them. */
export interface Ablation {
  /** Options of training that it needs besides. */
  readonly training: Readonly<Record<string, boolean>>;
  /** Numbers of one run, one or several rows of the results. */
  measure(run: TrainedVariant): Promise<readonly Readonly<Record<string, number>>[]>;
  finish(folder: string, rows: readonly AblationMeasured[]): Promise<{ table: string; plot: string }>;
}

const ablations: Readonly<Record<AblationKind, (settings: AblateSettings, base: SwinConfig) => Ablation>> = {
  bias: biasAblation,
  stability: stabilityAblation,
};

/**
 * Trains the variants of a classifier and writes table and plot into `project/kind`. What is there already is not trained
 * again, and a run that was stopped goes on.
 * @throws UserError for wrong options, and where the folder has runs of other epochs.
 */
export async function* ablateRun(
  settings: AblateSettings,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<AblationEvent> {
  const { kind, data, project, epochs } = settings;
  if (data === undefined) throw new UserError("data expected: data=FOLDER with train/CLASS/*.jpg and val/CLASS/*.jpg");
  const { section, place } = sectionOf(settings.model);
  const configOf = (variant: object) => swinConfig(readSwin({ ...section, ...variant }, place));
  const names = variantsOf(kind, settings.variants);
  const ablation = ablations[kind](settings, configOf({}));
  const folder = resolve(project, settings.name ?? kind);
  const seeds = settings.seeds ?? kinds[kind].seeds;
  const rows: AblationMeasured[] = [];
  for (const [i, { variant, seed }] of seeds
    .flatMap((one) => names.map((name) => ({ variant: name, seed: one })))
    .entries()) {
    const config = configOf(kinds[kind].variants[variant]);
    const model = join(folder, "models", `${variant}.yaml`);
    await writeAtomic([[model, stringify(swinYaml(config, 1000))]]);
    const run = { variant, seed, folder: join(folder, `${variant}-${seed}`), config };
    const training = trainVariant({ ...settings, ...ablation.training, data, model, folder: run.folder, seed, epochs });
    const counted = { run: i + 1, runs: seeds.length * names.length };
    yield { type: "run", variant, seed, ...counted, trained: training.done };
    for await (const event of training.events(signal)) yield { type: "training", event };
    for (const results of await ablation.measure(run)) {
      signal?.throwIfAborted();
      const measured = { type: "measured", variant, seed, results } as const;
      rows.push(measured);
      yield measured;
    }
  }
  const columns = Object.keys(rows[0].results);
  const lines = rows.map((row) => [row.variant, row.seed, ...columns.map((name) => row.results[name])].join(","));
  const { table, plot } = await ablation.finish(folder, rows);
  await writeAtomic([
    [join(folder, "results.csv"), `${[["variant", "seed", ...columns].join(","), ...lines].join("\n")}\n`],
    [join(folder, "table.md"), `${table}\n`],
  ]);
  yield { type: "end", folder, table, plot };
}

function sectionOf(model: string) {
  const { yaml, place } = readModelFile(model);
  const { swinv2 } = yaml as { swinv2?: unknown };
  if (!isClassifier(yaml) || typeof swinv2 !== "object" || swinv2 === null)
    throw new UserError(`${model}: a classifier with a section swinv2 expected, as swinv2-nano.yaml`);
  return { section: swinv2, place: (...path: (string | number)[]) => place("swinv2", ...path) };
}
