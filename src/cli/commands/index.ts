import type { CommandName } from "../../engine/config/index.js";
import type { Output } from "../output.js";

/** What a command works with: options as given and where to write. */
export interface Call {
  readonly given: Readonly<Record<string, string | boolean>>;
  readonly output: Output;
  /** The signal that Ctrl-C gives from now on, instead of ending the process. */
  readonly interrupt: () => AbortSignal;
}

/** Every command; each is loaded when it is called. */
export const commands: Readonly<Record<CommandName, (call: Call) => Promise<void>>> = {
  train: async (call) => (await import("./train.js")).train(call),
  val: async (call) => (await import("./val.js")).val(call),
  predict: async (call) => (await import("./predict.js")).predict(call),
  export: async (call) => (await import("./export.js")).exportModel(call),
  info: async (call) => (await import("./info.js")).info(call),
  import: async (call) => (await import("./import.js")).importWeights(call),
  plan: async (call) => (await import("./plan.js")).plan(call),
  transfer: async (call) => (await import("./transfer.js")).transfer(call),
  ablate: async (call) => (await import("./ablate.js")).ablate(call),
  "check-data": async (call) => (await import("./check-data.js")).checkData(call),
};
