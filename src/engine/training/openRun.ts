import { checkDevice } from "../../graph/index.js";
import type { BlockDefinition } from "../../nn/index.js";
import { settingsOrResumed } from "../run/resume.js";
import { loadRuntime } from "../runtime.js";
import { fitSaving, type SavingNetwork, type SavingSettings, type Settled } from "./fitSaving.js";
import type { EpochRun } from "./loop.js";
import { checkHalf } from "./lossScale.js";

/** What a run on whole pictures is started with besides its options. */
export interface RunContext extends Pick<PrepareOptions, "extra" | "onScan"> {
  readonly resume?: string | boolean;
  /** A resumed run goes on to so many epochs, where that is more than it was started with. */
  readonly moreEpochs?: number;
  readonly signal?: AbortSignal;
}

export interface PrepareOptions {
  readonly extra?: readonly BlockDefinition[];
  /** Weights that a resumed run goes on with; they bring the model. */
  readonly resumed?: string;
  readonly onScan?: (split: string, done: number, total: number) => void;
}

/** What every such run stands on. */
interface Prepared {
  readonly settings: SavingSettings & { readonly half?: boolean };
  /** What the user should know, in the order it was found. */
  readonly messages: readonly string[];
  close(): Promise<void>;
}

/** The same with nothing left to choose. */
export type RunParts<P extends Prepared> = P & { readonly settings: Settled<P["settings"]> };

/** What a task does of its own on the way to a run. */
export interface RunOpening<Wish, P extends Prepared, Event> {
  prepare(wish: Wish, options: PrepareOptions): Promise<P>;
  /** What memory is saved on, and what a run takes. */
  saving(prepared: P): SavingNetwork;
  /** `resumedFrom` is the folder of a run that goes on. */
  build(parts: RunParts<P>, context: RunContext, resumedFrom: string | undefined): Promise<EpochRun<Event>>;
}

interface RunWish {
  readonly project: string;
  readonly device: string;
  readonly half?: boolean;
}

/**
 * Opens a run on whole pictures, new or resumed, once its device, its pictures and its memory are checked.
 * @throws UserError where one of them will not do; what was opened by then is closed.
 */
export async function openRun<Wish extends RunWish, P extends Prepared, Event>(
  given: Wish,
  context: RunContext,
  { prepare, saving, build }: RunOpening<Wish, P, Event>,
): Promise<EpochRun<Event>> {
  const { extra, onScan } = context;
  checkDevice(await loadRuntime(), given.device);
  const { wish, folder, last } = settingsOrResumed<Wish, Wish & { epochs: number }>(given, context);
  if (wish.half) await checkHalf(await loadRuntime(), wish.device);
  const prepared = await prepare(wish, { extra, onScan, resumed: last });
  try {
    const { settings, message } = fitSaving<P["settings"]>(prepared.settings, saving(prepared));
    const messages = message === undefined ? prepared.messages : [message, ...prepared.messages];
    return await build({ ...prepared, settings, messages }, context, folder);
  } catch (error) {
    await prepared.close();
    throw error;
  }
}
