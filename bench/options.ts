import { availableParallelism } from "node:os";
import { UserError } from "swinyolo/data";
import type { Waiting } from "./prepare.js";

/** Options of a run, as given on the command line by `key=value`. */
export interface BenchOptions {
  readonly rounds: number;
  readonly warmup: number;
  readonly threads: number;
  readonly waiting: Waiting;
  readonly models: readonly string[];
  /** Shapes BATCHxSIZE; each bench has its own where left out. */
  readonly shapes?: readonly string[];
  /** Worker counts of the loader. */
  readonly workers: readonly number[];
  readonly data?: string;
  /** Put the tables into docs/performance.md. */
  readonly docs: boolean;
}

export const usage = `npm run bench -- [train] [inference] [loader] [key=value ...]

  rounds=10      steps of each side that count
  warmup=2       steps of each side before them
  threads=${availableParallelism()}      of both sides
  waiting=passive  how threads wait: passive, or spinning as both sides do by themselves (for a machine with nothing else to do)
  models=yolov5n,yolov5s,yolov5n-swinv2,yolov5s-swinv2
  shapes=4x320   batch x size, by commas; train 4x320 and inference 1x640 by default
  workers=0,1,2  of the loader
  data=FILE      data set of the loader; ../shared/data/bccd/bccd.yaml where it is there
  docs=true      also write the tables into docs/performance.md`;

const parsers = {
  rounds: count,
  warmup: count,
  threads: count,
  waiting,
  models: list,
  shapes: list,
  workers: (text: string) => list(text).map(count),
  data: (text: string) => text,
  docs: (text: string) => text === "true",
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
  const defaults: BenchOptions = {
    rounds: 10,
    warmup: 2,
    threads: availableParallelism(),
    waiting: "passive",
    models: ["yolov5n", "yolov5s", "yolov5n-swinv2", "yolov5s-swinv2"],
    workers: [0, 1, 2],
    docs: true,
  };
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
