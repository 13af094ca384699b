import { constant, type Graph, grad, graph, type HostArray, hostArray, input, type Tensor } from "swinyolo/graph";
import {
  type ArgValue,
  type BlockDefinition,
  bindArgs,
  blocks,
  detectHead,
  namedParams,
  type Part,
  paramInputs,
  parseActivation,
} from "swinyolo/nn";
import { runningUpdates } from "../../graph/runningUpdates.js";
import type { GoldenCase, KindRunner, Results } from "../cases.js";
import { evaluate, inMode, weightsFor, withNormOptions } from "../program.js";

export const kinds: Record<string, KindRunner> = {
  module: runModule,
  window_attention: runModule,
  swin_layer: runModule,
  swinv2_cspb: runModule,
  detect: runDetect,
};

/** A module called with tensors in the order of the fixture's inputs; a list where the fixture gives one. */
type Forward = (...inputs: (Tensor | Tensor[])[]) => Tensor | readonly Tensor[];

async function runModule(c: GoldenCase): Promise<Results> {
  const part = build(c);
  return runModes(c, part, part as unknown as Forward);
}

async function runDetect(c: GoldenCase): Promise<Results> {
  const { nc, anchors, ch } = c.args as { nc: number; anchors: number[][]; ch: number[] };
  const head = detectHead({ nc, anchors, ch, strides: c.options.stride as number[] });
  const forward = (...xs: (Tensor | Tensor[])[]) => head.module(xs.flat());
  return runModes(c, head.module, forward, head.decode);
}

/** The module that a case names, from its named arguments. */
function build(c: GoldenCase): Part {
  const definition = blocks[c.module ?? ""] as BlockDefinition | undefined;
  if (!definition) throw new Error(`module ${c.module}`);
  const names = Object.keys(definition.args);
  const unknown = Object.keys(c.args).find((name) => !names.includes(name));
  if (unknown) throw new Error(`${c.module} has no argument ${unknown}`);
  const args = bindArgs(
    definition,
    names.map((name) => c.args[name] as ArgValue),
  );
  const activation = parseActivation((c.options.activation as string | undefined) ?? "nn.SiLU()");
  const channels = c.list(c.inputs[0]).map(({ shape }) => shape[1]);
  return definition.build(args as never, { activation, channels });
}

async function runModes(
  c: GoldenCase,
  part: Part,
  forward: Forward,
  decode?: (maps: readonly Tensor[]) => Tensor,
): Promise<Results> {
  const state = weightsFor(part, c.state());
  const traced = trace(c, part, forward, decode);
  const feeds = new Map([...state, ...inputArrays(c)]);
  const results: Results = {};
  for (const mode of c.options.modes as string[]) {
    const g = inMode(traced, mode);
    const outputs = new Map([...g.outputs, ...gradients(c, part, g)]);
    if (mode === "train") for (const [name, tensor] of runningUpdates(g)) outputs.set(`after.${name}`, tensor);
    // An output that is an input of the graph as it came (nn.Identity) is none of ONNX Runtime's business.
    for (const [name, array] of await evaluate(graph(g.inputs, outputs), feeds)) results[`${mode}.${name}`] = array;
    if (mode === "train") Object.assign(results, counters(state));
  }
  return results;
}

// y (or y0, y1, ... of a list) and z, from the parameters and the inputs under their names.
function trace(c: GoldenCase, part: Part, forward: Forward, decode?: (maps: readonly Tensor[]) => Tensor): Graph {
  const placeholders = new Map([...inputArrays(c)].map(([name, { shape, dtype }]) => [name, input(shape, { dtype })]));
  const given = c.inputs.map((name) => {
    const value = c.input(name);
    return Array.isArray(value) ? value.map((_, i) => placeholders.get(`${name}${i}`)!) : placeholders.get(name)!;
  });
  const made = forward(...given);
  const outputs = new Map<string, Tensor>();
  if (!Array.isArray(made)) outputs.set("y", made as Tensor);
  else for (const [i, map] of made.entries()) outputs.set(`y${i}`, map);
  if (decode) outputs.set("z", decode(made as readonly Tensor[]));
  return withNormOptions(graph(new Map([...paramInputs(part), ...placeholders]), outputs), c.options);
}

function inputArrays(c: GoldenCase): Map<string, HostArray> {
  const arrays = new Map<string, HostArray>();
  for (const name of c.inputs) {
    const value = c.input(name);
    if (!Array.isArray(value)) arrays.set(name, value);
    else for (const [i, array] of value.entries()) arrays.set(`${name}${i}`, array);
  }
  return arrays;
}

// Gradients of sum(y * probe), over all y, for the inputs and the parameters.
function gradients(c: GoldenCase, part: Part, g: Graph): [string, Tensor][] {
  const ys = [...g.outputs].filter(([name]) => name.startsWith("y"));
  const probes = ys.map(([name]) => constant(c.tensor(name.replace("y", "probe"))));
  const params = [...namedParams(part)].filter(([, { kind }]) => kind === "parameter");
  const wrt = [...inputArrays(c).keys(), ...params.map(([name]) => name)].filter((name) => g.inputs.has(name));
  const found = grad(
    ys.map(([, y]) => y),
    wrt.map((name) => g.inputs.get(name)!),
    probes,
  );
  return wrt.map((name, i) => [`grad.${name}`, found[i]]);
}

// Every batch norm has seen one batch more.
const counters = (state: ReadonlyMap<string, HostArray>): Results =>
  Object.fromEntries(
    [...state]
      .filter(([name]) => name.endsWith("num_batches_tracked"))
      .map(([name, { data }]) => [
        `train.after.${name}`,
        hostArray("int64", [], BigInt64Array.of(BigInt(data[0]) + 1n)),
      ]),
  );
