import {
  compile,
  graph,
  type HostArray,
  hostArray,
  input,
  type Program,
  type Runtime,
  type SessionOptions,
} from "../../graph/index.js";
import {
  assignLevel,
  capacityFor,
  type LevelShape,
  type LossOptions,
  levelTargets,
  yolov5Loss,
} from "../../nn/index.js";
import { feedTargets } from "../training/step.js";

/** Box, objectness and class loss of raw maps, for validation. */
export interface LossProgram {
  run(maps: readonly HostArray[], targets: Float32Array): Promise<readonly [number, number, number]>;
  release(): Promise<void>;
}

export interface LossProgramOptions extends SessionOptions {
  readonly loss: LossOptions;
  readonly anchorT: number;
  /** The levels' weights, asked for with every batch. */
  readonly balance: () => readonly number[];
  /** Anchors of every level, in cells. */
  readonly anchors: readonly LevelShape["anchors"][];
}

/** Compiles the loss for each shape of maps when it first comes. */
export function createLossProgram(runtime: Runtime, options: LossProgramOptions): LossProgram {
  let compiled: { key: string; program: Program } | undefined;
  let capacity = 0;
  const programFor = async (maps: readonly HostArray[]) => {
    const key = `${maps.map(({ shape }) => shape.join("x")).join(" ")} ${capacity}`;
    if (compiled?.key === key) return compiled.program;
    await compiled?.program.release();
    compiled = { key, program: await compile(runtime, lossGraph(maps, capacity, options.loss), options) };
    return compiled.program;
  };
  return {
    async run(maps, targets) {
      const levels = maps.map(
        ({ shape }, i): LevelShape => ({ height: shape[2], width: shape[3], anchors: options.anchors[i] }),
      );
      const assigned = levels.map((level) => assignLevel(targets, level, options.anchorT));
      capacity = Math.max(capacity, capacityFor(Math.max(...assigned.map(({ classes }) => classes.length)), 256));
      const feeds = new Map(maps.map((map, i) => [`map.${i}`, map]));
      feeds.set("balance", hostArray("float32", [maps.length], Float32Array.from(options.balance())));
      assigned.forEach((assignment, level) => {
        feedTargets(feeds, level, assignment, { shape: levels[level], batch: maps[0].shape[0], capacity });
      });
      const [box, obj, cls] = (await (await programFor(maps)).run(feeds)).get("parts")!.data as Float32Array;
      return [box, obj, cls] as const;
    },
    release: async () => compiled?.program.release(),
  };
}

function lossGraph(maps: readonly HostArray[], capacity: number, loss: LossOptions) {
  const tensors = maps.map(({ shape }) => input(shape));
  const targets = maps.map(() => levelTargets(capacity));
  const balance = input([maps.length]);
  const inputs = new Map([
    ["balance", balance],
    ...tensors.map((tensor, i): [string, typeof tensor] => [`map.${i}`, tensor]),
  ]);
  targets.forEach((level, i) => {
    for (const [name, tensor] of Object.entries(level)) inputs.set(`targets.${i}.${name}`, tensor);
  });
  return graph(inputs, { parts: yolov5Loss(tensors, targets, { balance, options: loss }).parts });
}
