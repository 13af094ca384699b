import { UserError } from "swinyolo/data";
import type { Waiting } from "./prepare.js";

/** Options of a run, as given on the command line by `key=value`; each bench has its own choice where one is left out. */
export interface BenchOptions {
  readonly rounds?: number;
  /** Rounds at the most before the first that counts. */
  readonly warmup: number;
  readonly minutes?: number;
  readonly threads?: number;
  readonly waiting: Waiting;
  readonly models?: readonly string[];
  /** Shapes BATCHxSIZE. */
  readonly cases?: readonly string[];
  /** Worker counts of the loader. */
  readonly workers?: readonly number[];
  readonly epochs?: number;
  readonly data?: string;
  /** Put the plots into docs/. */
  readonly plots: boolean;
  /** Put the tables into docs/performance.md. */
  readonly docs: boolean;
}

export const usage = `npm run bench -- [name ...] [key=value ...]; all benches where none is named

  train          training steps against PyTorch
  inference      latency and throughput against PyTorch, OpenCV and raw onnxruntime-node
  loader         batches with nobody using them
  epoch          whole epochs of a data set, training and validation
  startup        fresh processes: first detection, info, graph building, ONNX writing, session creation
  memory         peak memory of training beside the planned one
  growth         time and memory by picture size and by batch
  overhead       what a step takes besides the kernels
  recompute      time and memory of a Swin V2 classifier's step by what is computed again

  rounds=30      steps of each side that count (growth, memory, recompute: 5; overhead: 10; startup: 10 processes)
  warmup=10      steps before them, at the most; fewer where steps stop getting faster
  minutes=5      no more rounds of a case after so long (growth: 1)
  threads=N      of all sides; the number of cores
  waiting=passive  how threads wait: passive, or spinning as the libraries do by themselves (for a machine with nothing else to do)
  models=yolov5n,yolov5s,yolov5n-swinv2,yolov5s-swinv2
  cases=4x320    batch x size, by commas; without it, train: 1, 4, 16 x 320, 1, 4 x 640 and 16x640 for the n models;
                 inference: 1x640, 8x640; epoch: 16x320; memory: 4x640; overhead: 4x320 and 1x640; growth: 1x320 to 1x1280, 1x320 to 32x320
  workers=0,1,2  of the loader; 2 for epoch
  epochs=3       of epoch, that count
  data=FILE      data set of loader and epoch; ../shared/data/bccd/bccd.yaml where it is there
  plots=false    also write growth's plots into docs/
  docs=true      also write the tables into docs/performance.md`;

const parsers = {
  rounds: positive,
  warmup: count,
  minutes: number,
  threads: positive,
  waiting,
  models: list,
  cases: list,
  workers: (text: string) => list(text).map(count),
  epochs: positive,
  data: (text: string) => text,
  plots: yes,
  docs: yes,
};

/** Reads names and options. */
export function parseOptions(args: readonly string[]): { names: string[]; options: BenchOptions } {
  const names: string[] = [];
  const given: Record<string, unknown> = {};
  for (const arg of args) {
    const [, key, value] = arg.match(/^(\w+)=(.*)$/) ?? [];
    if (key === undefined) names.push(arg);
    else if (Object.hasOwn(parsers, key)) given[key] = parsers[key as keyof typeof parsers](value);
    else throw new UserError(`option ${key} is not known; there are ${Object.keys(parsers).join(", ")}`);
  }
  const defaults: BenchOptions = { warmup: 10, waiting: "passive", plots: false, docs: true };
  return { names, options: { ...defaults, ...given } };
}

function list(text: string): string[] {
  return text.split(",").filter(Boolean);
}

function waiting(text: string): Waiting {
  if (text !== "passive" && text !== "spinning") throw new UserError(`waiting=${text}: expected passive or spinning`);
  return text;
}

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new UserError(`${text}: expected a whole number`);
  return Number(text);
}

function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new UserError(`${text}: expected a whole number above 0`);
  return Number(text);
}

function number(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UserError(`${text}: expected a number`);
  return Number(text);
}

function yes(text: string): boolean {
  if (text !== "true" && text !== "false") throw new UserError(`${text}: expected true or false`);
  return text === "true";
}
