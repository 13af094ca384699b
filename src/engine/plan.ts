import { suggestion, UserError } from "../errors/index.js";
import {
  buildClassifier,
  buildSwinClassifier,
  isClassifier,
  type SwinConfig,
  type SwinOptions,
  type SwinVariant,
  swinConfig,
  swinVariants,
} from "../nn/index.js";
import type { Options } from "./config/index.js";
import { readModelFile } from "./model.js";
import {
  type AttentionForm,
  type DeviceCase,
  type DevicePlan,
  largestBatch,
  mildestSwitches,
  planDevice,
  type SwinStage,
  type Switches,
  swinShape,
  swinStages,
  trafficOf,
  usualWindows,
  type ZeroStage,
} from "./scale/index.js";
import { type ClassifierMemory, estimateClassifier } from "./training/classifierMemory.js";

/** What other switches than those asked for would take. */
export interface PlanAlternative {
  readonly switches: Switches;
  /** Bytes on one device. */
  readonly total: number;
  /** With `memory`: the largest batch that stays within it; 0 where one picture is too much. */
  readonly batch?: number;
}

/** Planned memory of training a Swin V2 classifier, in bytes on one device. */
export interface TrainingPlan extends DevicePlan {
  readonly model: string;
  readonly stageShapes: readonly SwinStage[];
  /** Numbers that a device sends and receives in a step, for every parameter. */
  readonly traffic: number;
  /** For what no plan knows: the device's own context and libraries, and gaps between buffers. */
  readonly reserve: number;
  readonly alternatives: readonly PlanAlternative[];
  /** With `memory`: whether everything fits, the reserve included, and what would. */
  readonly within?: {
    readonly memory: number;
    readonly fits: boolean;
    /** The largest batch with the switches asked for. */
    readonly batch: number;
    /** Where it does not fit: the mildest switches with which the batch does. */
    readonly switches?: Switches;
  };
  /** With `trace`: a training process on this machine's CPU (fp32, one device), from the graph that would run. */
  readonly here?: ClassifierMemory;
  /** Remarks on switches that do nothing or harm here. */
  readonly notes: readonly string[];
}

/**
 * Plans the memory of training a Swin V2 network on devices that may not be here.
 * @throws UserError for a network that is not known or a size that does not divide.
 */
export function planTraining(options: Options<"plan">): TrainingPlan {
  const { model, memory, reserve = 2 ** 31 } = options;
  const wanted = deviceCase(options);
  const plan = planDevice(wanted);
  const usable = memory === undefined ? undefined : memory - reserve;
  const alternatives = waysOf(wanted).map((switches) => {
    const other = { ...wanted, ...switches };
    const { total } = planDevice(other);
    return { switches, total, ...(usable !== undefined && { batch: largestBatch(other, usable) }) };
  });
  const fits = usable !== undefined && plan.total <= usable;
  return {
    ...plan,
    model: String(model),
    stageShapes: wanted.stages,
    traffic: trafficOf(wanted),
    reserve,
    alternatives,
    ...(usable !== undefined && {
      within: {
        memory: memory as number,
        fits,
        batch: largestBatch(wanted, usable),
        switches: fits ? undefined : mildestSwitches(wanted, usable),
      },
    }),
    ...(options.trace && { here: planHere(options, wanted) }),
    notes: notesOf(wanted, plan),
  };
}

function planHere({ model, imgsz, nc }: Options<"plan">, { stages, ...wanted }: DeviceCase): ClassifierMemory {
  const window = stages.map((stage) => stage.window);
  const classifier = buildSwinClassifier(optionsOf(model), { imageSize: imgsz, window, classes: Math.max(nc, 1) });
  const { batch, recompute, sequential, parts } = wanted;
  return estimateClassifier({ classifier, batch, recompute, sequential, parts });
}

function deviceCase(options: Options<"plan">): DeviceCase {
  const { imgsz, batch, devices, zero, recompute, precision, parts, nc } = options;
  const shape = swinShape(swinConfig(optionsOf(options.model)));
  const count = shape.depths.length;
  if (options.sequential > count) {
    throw new UserError(`sequential=${options.sequential}: the network has ${count} stages`);
  }
  const windows = options.window ?? usualWindows(imgsz);
  if (windows.some((window) => window === 0) || ![1, count].includes(windows.length)) {
    throw new UserError(
      `window=${windows.join(",")}: one side of a window expected, or one for each of ${count} stages`,
    );
  }
  return {
    shape,
    stages: swinStages(shape, imgsz, windows.length === 1 ? windows[0] : windows),
    classes: nc,
    batch,
    devices,
    zero: zero as ZeroStage,
    recompute,
    precision,
    sequential: options.sequential,
    form: options.attention as Exclude<AttentionForm, "whole">,
    parts,
  };
}

function optionsOf(name: string | undefined): SwinOptions {
  if (name === undefined) throw new UserError("model expected: model=swinv2-t");
  const [, letter] = /^swinv2-(\w+)$/i.exec(name) ?? [];
  if (letter && Object.hasOwn(swinVariants, letter.toLowerCase()))
    return swinVariants[letter.toLowerCase() as SwinVariant];
  if (/\.ya?ml$/i.test(name)) {
    const { yaml, place } = readModelFile(name);
    const classifier = isClassifier(yaml) ? buildClassifier(yaml, { place }) : undefined;
    if (classifier?.family === "swinv2") return classifier.config as SwinConfig;
  }
  const known = Object.keys(swinVariants).map((variant) => `swinv2-${variant}`);
  throw new UserError(
    `model=${name}: not a network that can be planned${suggestion(name, known)} (${known.join(", ")}); detectors: swinyolo info`,
  );
}

// The four ways of the paper's order: nothing, blocks again, and attention part by part in two stages and in all.
const waysOf = ({ zero, stages }: DeviceCase): Switches[] => [
  { zero, recompute: "none", sequential: 0 },
  { zero, recompute: "block", sequential: 0 },
  { zero, recompute: "block", sequential: 2 },
  { zero, recompute: "block", sequential: stages.length },
];

function notesOf(wanted: DeviceCase, plan: DevicePlan): string[] {
  const { zero, devices, sequential, recompute } = wanted;
  const notes: string[] = [];
  if (zero > 0 && devices === 1)
    notes.push(`zero=${zero} shares nothing on one device; devices= says how many there are`);
  if (sequential > 0 && planDevice({ ...wanted, sequential: 0 }).total <= plan.total) {
    notes.push("sequential attention saves nothing here: windows are too small for logits to matter");
  }
  if (recompute === "stage" && planDevice({ ...wanted, recompute: "block" }).total < plan.total) {
    notes.push("recompute=block takes less: a stage that is computed again holds all its blocks at once");
  }
  return notes;
}
