import {
  add,
  compile,
  concat,
  type DeviceArray,
  type DropoutMask,
  type Graph,
  graph,
  type HostArray,
  hostArray,
  input,
  mul,
  openModel,
  type Program,
  type Runtime,
  reduceSumSquare,
  reshape,
  rewrite,
  type SessionOptions,
  scalar,
  slice,
  type Tensor,
  toOnnx,
} from "../../graph/index.js";
import { averageGraph, type GroupName, groupNames, momentsOf, updateGraph } from "../../nn/index.js";
import { anyLength, createOptimizer, groupScalars, type Optimizer, updateScalars } from "./optimizer.js";
import { countBatch, type TrainState } from "./state.js";
import type { Trainable } from "./step.js";
import {
  createGradients,
  type GradientOptions,
  type Gradients,
  type StepGraph,
  stepGraph,
  stepResult,
  stepsByShape,
} from "./step.js";

/** The two halves of a training step, and the way back to the host's state. */
export interface Training {
  readonly gradients: Gradients;
  readonly optimizer: Optimizer;
  /** Brings everything that training changed into the host's state. */
  sync(state: TrainState): Promise<void>;
}

type Held = Map<string, HostArray | DeviceArray>;

interface CompiledResident {
  readonly program: Program;
  readonly masks: readonly DropoutMask[];
}

/** Training on any device: where it can, with everything that changes in the device's own memory between steps. */
export async function createTraining(
  runtime: Runtime,
  model: Trainable,
  options: GradientOptions & { readonly state: TrainState },
): Promise<Training> {
  if (options.device === "webgpu") return createResidentTraining(runtime, model, options);
  return {
    gradients: createGradients(runtime, model, options),
    optimizer: await createOptimizer(runtime, options.state, options),
    sync: async () => {},
  };
}

/**
 * Training on a device that keeps its state (WebGPU): the same steps as `createGradients` and `createOptimizer`, but the
 * host sees only pictures, targets, losses and the gradients' norm. The state goes up with the first step.
 */
export async function createResidentTraining(
  runtime: Runtime,
  model: Trainable,
  { state, ...options }: GradientOptions & { readonly state: TrainState },
): Promise<Training> {
  const groups = groupNames.filter((group) => state.sizes[group] > 0);
  const vectors = groups.flatMap((group) => ["w", "ema", ...momentsOf(state.optimizer)].map((v) => `${group}.${v}`));
  const held: Held = new Map(vectors.map((name) => [name, vectorOf(state.vectors.get(name)!)]));
  held.set("buffer", vectorOf(state.buffer)).set("buffer.ema", vectorOf(state.vectors.get("buffer.ema")!));
  for (const group of groups) held.set(`${group}.g`, vectorOf(state.gradients[group]));
  const keep = (name: string, array: DeviceArray) => {
    const old = held.get(name)!;
    held.set(name, array);
    if ("tensor" in old) old.release();
  };
  const steps = stepsByShape(model, options, async (shape): Promise<CompiledResident> => {
    const step = stepGraph(shape);
    const flat = onVectors(step, state);
    return {
      program: await compile(runtime, flat, { ...options, resident: residentOutputs(flat) }),
      masks: step.masks,
    };
  });
  const open = (g: Graph) => openVectors(runtime, g, { ...options, resident: [...g.outputs.keys()] });
  const [update, average] = [await open(updateGraph(state.optimizer)), await open(averageGraph())];
  const copy = await openVectors(runtime, copyGraph(), options);
  let squares = 0;

  const run: Gradients["run"] = async (now, batch, moment) => {
    const { compiled, feeds } = await steps.ready(now, batch, moment);
    const pending = hostArray("float32", [], Float32Array.of(now.pending > 0 ? 1 : 0));
    const given = new Map([...now.fixed, ...held, ...feeds, ["pending", pending] as const]);
    const { host, device } = await compiled.program.advance(given);
    for (const [name, array] of device) keep(name.slice(0, -1), array);
    squares = host.get("squares")!.data[0] as number;
    now.pending++;
    countBatch(now);
    return stepResult(host);
  };

  const step: Optimizer["step"] = async (now, rates) => {
    const norm = Math.sqrt(squares);
    const numbers = updateScalars(now, rates, norm);
    for (const group of groups) {
      const own = ["w", "ema", "g", ...momentsOf(now.optimizer)].map((v) => [v, held.get(`${group}.${v}`)!] as const);
      const { device } = await update.advance(new Map([...numbers, ...groupScalars(group, rates), ...own]));
      for (const [name, array] of device) keep(`${group}.${name.slice(0, -1)}`, array);
    }
    if (now.sizes.buffer > 0) {
      const given = new Map([
        ...numbers,
        ["w", held.get("buffer")!] as const,
        ["ema", held.get("buffer.ema")!] as const,
      ]);
      keep("buffer.ema", (await average.advance(given)).device.get("ema'")!);
    }
    now.pending = 0;
    now.steps++;
    now.updates++;
    return norm;
  };

  const sync: Training["sync"] = async (now) => {
    const targets = new Map(now.vectors).set("buffer", now.buffer);
    for (const group of groups) targets.set(`${group}.g`, now.gradients[group]);
    for (const [name, target] of targets) {
      const array = held.get(name);
      if (array && "tensor" in array)
        target.set((await copy.advance(new Map([["x", array]]))).host.get("y")!.data as Float32Array);
    }
  };

  const releaseAll = async () => {
    // Before the sessions: with the last of them the device itself goes.
    for (const array of held.values()) if ("tensor" in array) array.release();
    held.clear();
    for (const program of [update, average, copy]) await program.release();
  };
  return { gradients: { run, release: steps.release }, optimizer: { step, release: releaseAll }, sync };
}

const vectorOf = (data: Float32Array): HostArray => hostArray("float32", [data.length], data);

const openVectors = (runtime: Runtime, g: Graph, options: SessionOptions): Promise<Program> =>
  openModel(runtime, toOnnx(g, { freeAxes: anyLength(g) }), options);

// What lies on a device can be read only as another program's output.
function copyGraph(): Graph {
  const x = input([2]);
  return graph({ x }, { y: mul(x, scalar(1)) });
}

const residentOutputs = (g: Graph): string[] => [...g.outputs.keys()].filter((name) => name.endsWith("'"));

/**
 * A step on flat vectors. In: `GROUP.w` and `GROUP.g` of every parameter group, `buffer`, and `pending` (1: the gradients are
 * added to those of `GROUP.g`; 0: they replace them); out: the losses, `squares` (of the summed gradients), `GROUP.g'` and
 * `buffer'`, in which the batch's statistics are blended.
 */
export function onVectors({ graph: step, statistics }: StepGraph, { places, sizes }: TrainState): Graph {
  const vectors = new Map<string, Tensor>();
  const vector = (name: string, size: number): Tensor => {
    const found = vectors.get(name) ?? input([size], { label: name });
    vectors.set(name, found);
    return found;
  };
  const pending = input([], { label: "pending" });
  const part = (whole: Tensor, { offset, size }: { offset: number; size: number }) =>
    slice(whole, { axes: [0], starts: [offset], ends: [offset + size] });
  const wholeOf = (group: GroupName | "buffer") => vector(group === "buffer" ? "buffer" : `${group}.w`, sizes[group]);
  const substitute = new Map<Tensor, Tensor>();
  for (const [name, place] of places) {
    const tensor = step.inputs.get(name);
    if (tensor) substitute.set(tensor, reshape(part(wholeOf(place.vector), place), place.shape));
  }
  const bound = rewrite(step, () => undefined, { substitute, added: vectors });
  const outputs = new Map([...bound.outputs].filter(([name]) => !/^(grad|stats)\./.test(name)));
  const joined = (
    group: GroupName | "buffer",
    make: (name: string, place: { offset: number; size: number }) => Tensor,
  ) =>
    concat(
      [...places].filter(([, { vector }]) => vector === group).map(([name, place]) => make(name, place)),
      0,
    );
  const flat = (x: Tensor) => reshape(x, [-1]);
  const squares: Tensor[] = [];
  for (const group of groupNames.filter((name) => sizes[name] > 0)) {
    const made = joined(group, (name) => flat(bound.outputs.get(`grad.${name}`)!));
    const sum = add(made, mul(vector(`${group}.g`, sizes[group]), pending));
    outputs.set(`${group}.g'`, sum);
    squares.push(reduceSumSquare(sum));
  }
  outputs.set(
    "squares",
    squares.reduce((sum, one) => add(sum, one)),
  );
  if (sizes.buffer > 0) {
    const old = wholeOf("buffer");
    const blended = (name: string, place: { offset: number; size: number }) => {
      const found = statistics.get(name);
      if (!found) return part(old, place);
      return add(
        mul(part(old, place), scalar(found.keep)),
        mul(flat(bound.outputs.get(`stats.${name}`)!), scalar(found.take)),
      );
    };
    outputs.set("buffer'", joined("buffer", blended));
  }
  return graph(new Map([...bound.inputs, ...vectors, ["pending", pending]]), outputs);
}
