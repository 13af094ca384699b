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
import { averageGraph, momentsOf, updateGraph } from "../../nn/index.js";
import { groupNumbers, hostOptimizer, type Optimizer, sharedNumbers } from "./optimizer.js";
import { countBatch, type TrainState } from "./state.js";
import {
  createSteps,
  drawMasks,
  latest,
  learnedNames,
  type StepGraph,
  type Steps,
  type StepsOptions,
  scaleFeed,
} from "./steps.js";

/** The two halves of training, and the way back to the host's state. */
export interface Training {
  readonly steps: Steps;
  readonly optimizer: Optimizer;
  /** Brings everything that training changed into the host's state. */
  sync(): Promise<void>;
  release(): Promise<void>;
}

/** Training of a state on any device: where it can, with everything that changes in the device's own memory. */
export async function createTraining(runtime: Runtime, state: TrainState, options: StepsOptions): Promise<Training> {
  if (options.device === "webgpu") return createResidentTraining(runtime, state, options);
  const steps = createSteps(runtime, options);
  return { steps, optimizer: hostOptimizer, sync: async () => {}, release: steps.release };
}

type Held = Map<string, HostArray | DeviceArray>;

interface CompiledResident {
  readonly program: Program;
  readonly masks: readonly DropoutMask[];
}

/**
 * Training on a device that keeps the state (WebGPU): the same steps as `createSteps` and `hostOptimizer` take, but the
 * host sees only what a step is fed, its losses and the gradients' norm. The state goes up with the first step.
 */
export async function createResidentTraining(
  runtime: Runtime,
  state: TrainState,
  options: StepsOptions,
): Promise<Training> {
  const groups = groupsOf(state);
  const held = initiallyHeld(state, groups);
  const keep = (name: string, array: DeviceArray) => {
    const old = held.get(name);
    held.set(name, array);
    if (old && "tensor" in old) old.release();
  };
  const compiled = latest<CompiledResident>(options.keep);
  const open = (g: Graph) => openVectors(runtime, g, { ...options, resident: [...g.outputs.keys()] });
  const [update, average] = [await open(updateGraph(state.optimizer)), await open(averageGraph())];
  const copy = await openVectors(runtime, copyGraph(), options);
  let squares = 0;

  const run: Steps["run"] = async (_, given, { key, iteration, graph: make }) => {
    const { program, masks } = await compiled.get(key, async () => {
      const made = make(learnedNames(state));
      const flat = onVectors(made, state);
      const resident = [...flat.outputs.keys()].filter((name) => name.endsWith("'"));
      return { program: await compile(runtime, flat, { ...options, resident }), masks: made.masks };
    });
    const pending = hostArray("float32", [], Float32Array.of(state.pending > 0 ? 1 : 0));
    const numbers = [["pending", pending] as const, ...drawMasks(masks, iteration, options), ...scaleFeed(options)];
    const { host, device } = await program.advance(new Map([...state.fixed, ...held, ...given, ...numbers]));
    for (const [name, array] of device) keep(name.slice(0, -1), array);
    squares = host.get("squares")!.data[0] as number;
    state.pending++;
    countBatch(state);
    return host;
  };

  // What is not a number would stay so when the next batch's are added to 0 times it.
  const discard = () => {
    for (const group of groups) {
      const old = held.get(`${group}.g`);
      if (old && "tensor" in old) old.release();
      held.set(`${group}.g`, hostArray("float32", [state.sizes[group]]));
    }
    state.pending = 0;
  };

  const step: Optimizer["step"] = async (_, rates, norm = Math.sqrt(squares)) => {
    if (!Number.isFinite(norm)) {
      discard();
      return norm;
    }
    const shared = sharedNumbers(state, rates, norm);
    for (const group of groups) {
      const own = ["w", "ema", "g", ...momentsOf(state.optimizer)].map((v) => [v, held.get(`${group}.${v}`)!] as const);
      const numbers = asScalars({ ...shared, ...groupNumbers(group, rates) });
      const { device } = await update.advance(new Map([...numbers, ...own]));
      for (const [name, array] of device) keep(`${group}.${name.slice(0, -1)}`, array);
    }
    if (state.sizes.buffer > 0) {
      const [w, ema] = [held.get("buffer")!, held.get("buffer.ema")!];
      const { device } = await average.advance(
        new Map([...asScalars(shared), ["w", w] as const, ["ema", ema] as const]),
      );
      keep("buffer.ema", device.get("ema'")!);
    }
    state.pending = 0;
    state.steps++;
    state.updates++;
    return norm;
  };

  const sync = async () => {
    for (const [name, target] of vectorsOf(state, groups)) {
      const array = held.get(name);
      if (!array || !("tensor" in array)) continue;
      const { host } = await copy.advance(new Map([["x", array]]));
      target.set(host.get("y")!.data as Float32Array);
    }
  };

  const release = async () => {
    // Before the sessions: with the last of them the device itself goes.
    for (const array of held.values()) if ("tensor" in array) array.release();
    held.clear();
    await compiled.release();
    for (const program of [update, average, copy]) await program.release();
  };
  return { steps: { run, release: compiled.release }, optimizer: { step }, sync, release };
}

const groupsOf = ({ gradients, sizes }: TrainState): string[] =>
  Object.keys(gradients).filter((group) => sizes[group] > 0);

/** Every vector of a state that training changes, under the name it has on the device. */
function vectorsOf(state: TrainState, groups: readonly string[]): Map<string, Float32Array> {
  const ofGroups = groups.flatMap((group) => ["w", "ema", ...momentsOf(state.optimizer)].map((v) => `${group}.${v}`));
  const vectors = new Map([...ofGroups, "buffer.ema"].map((name) => [name, state.vectors.get(name)!]));
  for (const group of groups) vectors.set(`${group}.g`, state.gradients[group]);
  return vectors.set("buffer", state.buffer);
}

const initiallyHeld = (state: TrainState, groups: readonly string[]): Held =>
  new Map([...vectorsOf(state, groups)].map(([name, data]) => [name, hostArray("float32", [data.length], data)]));

const asScalars = (numbers: object): [string, HostArray][] =>
  Object.entries(numbers).map(([name, value]: [string, number]) => [
    name,
    hostArray("float32", [], Float32Array.of(value)),
  ]);

// Names for the free length of every vector that goes in or out.
const anyLength = (g: Graph): Record<string, Record<number, string>> =>
  Object.fromEntries(
    [...g.inputs, ...g.outputs].filter(([, { shape }]) => shape.length === 1).map(([name]) => [name, { 0: "n" }]),
  );

const openVectors = (runtime: Runtime, g: Graph, options: SessionOptions): Promise<Program> =>
  openModel(runtime, toOnnx(g, { freeAxes: anyLength(g) }), options);

// What lies on a device can be read only as another program's output.
function copyGraph(): Graph {
  const x = input([2]);
  return graph({ x }, { y: mul(x, scalar(1)) });
}

/**
 * A step on flat vectors. In: `GROUP.w` and `GROUP.g` of every parameter group, `buffer`, and `pending` (1: the gradients are
 * added to those of `GROUP.g`; 0: they replace them); out: the losses, `squares` (of the summed gradients), `GROUP.g'` and
 * `buffer'`, in which the batch's statistics are blended.
 */
export function onVectors({ graph: step, statistics }: StepGraph, state: TrainState): Graph {
  const { places, sizes } = state;
  const vectors = new Map<string, Tensor>();
  const vector = (name: string, size: number): Tensor => {
    const found = vectors.get(name) ?? input([size], { label: name });
    vectors.set(name, found);
    return found;
  };
  const pending = input([], { label: "pending" });
  const part = (whole: Tensor, { offset, size }: { offset: number; size: number }) =>
    slice(whole, { axes: [0], starts: [offset], ends: [offset + size] });
  const wholeOf = (group: string) => vector(group === "buffer" ? "buffer" : `${group}.w`, sizes[group]);
  const substitute = new Map<Tensor, Tensor>();
  for (const [name, place] of places) {
    const tensor = step.inputs.get(name);
    if (tensor) substitute.set(tensor, reshape(part(wholeOf(place.vector), place), place.shape));
  }
  const bound = rewrite(step, () => undefined, { substitute, added: vectors });
  const outputs = new Map([...bound.outputs].filter(([name]) => !/^(grad|stats)\./.test(name)));
  const joined = (group: string, make: (name: string, place: { offset: number; size: number }) => Tensor) =>
    concat(
      [...places].filter(([, { vector }]) => vector === group).map(([name, place]) => make(name, place)),
      0,
    );
  const flat = (x: Tensor) => reshape(x, [-1]);
  const squares: Tensor[] = [];
  for (const group of groupsOf(state)) {
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
