import { existsSync } from "node:fs";
import { readModelFile } from "swinyolo/engine";
import {
  type Graph,
  graph,
  type HostArray,
  hostArray,
  input,
  type Node,
  nodes,
  sizeOf,
  type Tensor,
  toFloat32,
} from "swinyolo/graph";
import {
  buildModel,
  countFlops,
  countModules,
  countParameters,
  type DetectionModel,
  namedParams,
  paramInputs,
} from "swinyolo/nn";
import { root } from "../../paths.js";
import type { GoldenCase, KindRunner, Plain, Results } from "../cases.js";
import { checksum } from "../checksum.js";
import { evaluate, foldedTensors, inMode, weightsFor, withNormOptions } from "../program.js";

export const kinds: Record<string, KindRunner> = {
  model_io: runIo,
  model_state: runState,
  model_table: runTable,
};

async function runIo(c: GoldenCase): Promise<Results> {
  const model = buildModel(c.model_yaml);
  const weights = weightsFor(model.module, c.state());
  const results: Results = { rows: rows(model), saved_layers: [...model.save], ...(await fused(model, weights)) };
  for (const name of c.inputs) {
    const images = c.array(name);
    const which = name.replace("x", "");
    const traced = withNormOptions(trace(model, images.shape), c.options);
    for (const mode of c.options.modes as string[]) {
      const found = await evaluate(inMode(traced, mode), new Map([...weights, ["x", pictures(images)]]));
      for (const [output, array] of found) results[`${mode}.${output}${which}`] = array;
    }
  }
  if (c.expected.eval_layer_outputs) results.eval_layer_outputs = await layerChecksums(model, weights, c);
  return results;
}

// Raw maps y0, y1, ... and their rows z.
function trace(model: DetectionModel, shape: readonly number[]): Graph {
  const x = input(shape);
  const maps = model.module(x);
  const outputs = new Map(maps.map((map, i) => [`y${i}`, map]));
  outputs.set("z", model.head.decode(maps));
  return graph(new Map([...paramInputs(model.module), ["x", x]]), outputs);
}

const pictures = (images: HostArray): HostArray =>
  images.dtype === "uint8"
    ? hostArray(
        "float32",
        images.shape,
        toFloat32(images).map((v) => v / 255),
      )
    : images;

// The weights of the folded model, as PyTorch names them, and how many there are.
async function fused(model: DetectionModel, weights: Map<string, HostArray>): Promise<Results> {
  const folded = foldedTensors(trace(model, [1, model.ch, model.stride, model.stride]));
  const norms = [...folded.keys()]
    .filter((name) => name.endsWith(".weight"))
    .map((name) => name.replace(/conv\.weight$/, "bn."));
  const kept = [...namedParams(model.module).keys()].filter((name) => !norms.some((norm) => name.startsWith(norm)));
  const outputs = new Map([...folded].map(([name, tensor]) => [`fused.state.${name}`, tensor]));
  const values = await evaluate(graph(paramInputs(model.module), outputs), weights);
  return {
    parameters: countParameters(model.module),
    parameters_fused: countParameters(model.module) - foldedAway(folded),
    state_dict_keys_fused: new Set([...kept, ...folded.keys()]).size,
    ...Object.fromEntries(values),
  };
}

// A scale and a shift for every channel become one bias.
const foldedAway = (folded: ReadonlyMap<string, Tensor>): number =>
  [...folded].filter(([name]) => name.endsWith(".bias")).reduce((n, [, { shape }]) => n + sizeOf(shape), 0);

async function layerChecksums(model: DetectionModel, weights: Map<string, HostArray>, c: GoldenCase) {
  const images = c.array("x");
  const x = input(images.shape);
  const outputs = new Map(model.layerOutputs(x).map((output, i) => [`layer.${i}`, output]));
  const traced = graph(new Map([...paramInputs(model.module), ["x", x]]), outputs);
  const found = await evaluate(
    inMode(withNormOptions(traced, c.options), "eval"),
    new Map([...weights, ["x", pictures(images)]]),
  );
  return Object.fromEntries([...found].map(([name, array]) => [name.replace("layer.", ""), checksum(array)]));
}

// What the model holds after it took over the fixture's tensors; one that is missing or left over is an error.
function runState(c: GoldenCase): Results {
  const model = buildModel(c.model_yaml);
  const given = new Map(c.tensors.map((name) => [name, c.tensor(name)]));
  const params = namedParams(model.module);
  const weights = weightsFor(model.module, given);
  const absent = [...params].filter(([name]) => !given.has(name));
  const loaded = [...weights].filter(([name]) => given.has(name));
  const codes: Record<string, string> = { float32: "F32", int64: "I64" };
  const derived = absent.map(([name, { tensor }]) => [name, { dtype: codes[tensor.dtype], shape: [...tensor.shape] }]);
  // `derived` is compared one way only, so what it has too many is told here.
  const surplus = absent.find(([name]) => !Object.hasOwn(c.expected.derived as object, name));
  if (surplus) throw new Error(`the model has ${surplus[0]}, which the fixture lacks`);
  return { ...Object.fromEntries(loaded), derived: Object.fromEntries(derived) };
}

function runTable(c: GoldenCase): Results {
  const model = tableModel(c);
  const [height, width] = c.args.imgsz as [number, number];
  const [whole, part] = [trace(model, [1, model.ch, height, width]), Math.max(model.stride, 32)];
  const small = trace(model, [1, model.ch, part, part]);
  const folded = foldedTensors(whole);
  const scale = (height * width) / part ** 2 / 1e9;
  const scaled = `scaled_from_${part}px`;
  return {
    params: countParameters(model.module),
    params_fused: countParameters(model.module) - foldedAway(folded),
    modules: countModules(model.module),
    modules_fused: countModules(model.module) - folded.size / 2,
    [`gflops_${width}_exact`]: countFlops(whole) / 1e9,
    [`gflops_${width}_profiler`]: profiled(whole) / 1e9,
    [`gflops_${width}_${scaled}`]: profiled(small) * scale,
    [`gflops_${width}_fused_${scaled}`]: profiled(inMode(small, "fused")) * scale,
    rows: rows(model),
    stride: [...model.strides],
  };
}

const rows = (model: DetectionModel): Plain =>
  model.layers.map(({ index, from, repeats, parameters, module, args }) => ({
    i: index,
    from: from as Plain,
    n: repeats,
    params: parameters,
    module,
    args: asReference(args) as Plain,
  }));

// Swin rows may name their windows here; the reference has those of its code, 7 and 0, and no names for them.
function asReference({
  window,
  pretrained_window: pretrained,
  ...args
}: DetectionModel["layers"][number]["args"]): object {
  const usual = (window ?? 7) === 7 && (pretrained ?? 0) === 0;
  return usual ? args : { window, pretrained_window: pretrained, ...args };
}

/**
 * What YOLOv5 v7.0 counts: convolutions, linear modules (but not products with weights that a module only holds), 4 for
 * every normalised number, 1 for every upsampled one.
 */
function profiled(g: Graph): number {
  const names = new Map([...g.inputs].map(([name, tensor]) => [tensor, name]));
  const isModule = ({ op, inputs: [, weight] }: Node) =>
    op.name.startsWith("Conv") || (op.name === "Gemm" && !/^$|\.ma\./.test(names.get(weight) ?? ""));
  const upsampled = sizesOf(g, "Resize");
  return countFlops(g, { counts: isModule }) + 2 * (4 * (sizesOf(g, "BatchNorm") + layerNormed(g, names)) + upsampled);
}

const sizesOf = (g: Graph, op: string): number =>
  nodes(g).reduce((n, node) => n + (node.op.name === op ? sizeOf(node.outputs[0].shape) : 0), 0);

// The reference runs a Swin block's norms on padding too: as many rows as its mlp counts.
function layerNormed(g: Graph, names: ReadonlyMap<Tensor, string>): number {
  const block = (weight: Tensor) => (names.get(weight) ?? "").replace(/(norm\d|mlp\.fc\d)\.weight$/, "");
  const products = nodes(g).filter(({ attrs }) => attrs.countedRows);
  const counted = new Map(products.map(({ inputs, attrs }) => [block(inputs[1]), attrs.countedRows as number]));
  return nodes(g)
    .filter(({ op }) => op.name === "LayerNormalization")
    .reduce((n, { inputs: [x, weight] }) => {
      const rows = counted.get(block(weight)) ?? sizeOf(x.shape) / weight.shape[0];
      return n + rows * weight.shape[0];
    }, 0);
}

// From the fixture's YAML, our own of that name, or else the resolved rows written back as a YAML without gains.
function tableModel(c: GoldenCase): DetectionModel {
  const { nc, ch, activation } = c.options as { nc?: number; ch?: number; activation?: string };
  const shipped = `${root}/configs/models/${c.raw.case}.yaml`;
  const yaml = c.model_yaml ?? (existsSync(shipped) ? readModelFile(shipped).yaml : fromRows(c.expected.rows as Row[]));
  return buildModel({ ...yaml, ...(activation && { activation }) }, { nc, ch });
}

interface Row {
  from: number | number[];
  n: number;
  module: string;
  args: Record<string, Plain>;
}

function fromRows(resolved: readonly Row[]): object {
  const written = resolved.map(({ from, n, module, args: { c1, n: repeats, ...rest } }) => {
    const own = Object.values(c1 === undefined && repeats !== undefined ? { n: repeats, ...rest } : rest);
    return [from, n, module, module === "Detect" ? ["nc", "anchors"] : own];
  });
  const anchors = resolved.at(-1)?.args.anchors;
  return { backbone: written.slice(0, -1), head: written.slice(-1), anchors };
}
