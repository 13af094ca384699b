import { type Graph, nodes, rewrite } from "../graph.js";
import { hostArray } from "../host.js";
import { apply, apply1 } from "../op.js";
import { type ConvAttrs, convOp } from "../ops/conv.js";
import { upsampleOp } from "../ops/pool.js";
import { dequantizeLinear, type Levels, quantizeLinear } from "../ops/quantize.js";
import { constant, floats, type Node, scalar, sizeOf, type Tensor } from "../tensor.js";
import { foldStrides, repeatPixels } from "./channelsLast.js";
import { afterLastLayer } from "./tail.js";

/** The smallest and the largest number that a tensor is taken to hold. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface QuantizeOptions {
  /** Convolutions and products with a constant that stay float32, and what follows them up to the next of 8 bits. */
  readonly keep?: (layer: Node) => boolean;
}

/**
 * A lowered, baked graph in 8 bits, in the QDQ form that ONNX Runtime turns into integer kernels: a pair of QuantizeLinear
 * and DequantizeLinear on every value between operators that have such kernels. Weights become int8, symmetric for every
 * output channel, biases int32, everything between uint8, asymmetric for the whole tensor. Operators that only move data
 * keep their input's scale. What has no 8-bit kernel (norms, softmax, products of two computed values), what sums up with
 * it, and what follows the last convolution (decoding) stay float32.
 * @throws Error when `ranges` lacks one of `tensorsToMeasure`.
 */
export function quantize(g: Graph, ranges: ReadonlyMap<Tensor, Range>, options: QuantizeOptions = {}): Graph {
  const chosen = quantizedNodes(g, options);
  const levelsOf = sharedLevels(chosen, ranges);
  const eight = new Set([...chosen].flatMap(({ outputs }) => outputs));
  const pairs = new Map<Tensor, Tensor>();
  const paired = (x: Tensor, old: Tensor): Tensor => {
    if (!pairs.has(x)) pairs.set(x, rounded(x, levelsOf(old)));
    return pairs.get(x) as Tensor;
  };
  return rewrite(g, (node, now) => {
    if (!chosen.has(node)) return undefined;
    const inputs = now.map((x, i) => (eight.has(node.inputs[i]) || !isActivation(x) ? x : paired(x, node.inputs[i])));
    if (node.op === upsampleOp) {
      const at = levelsOf(node.inputs[0]);
      return [dequantizeLinear(repeatPixels(behind(inputs[0]), node.attrs.scale as number), at)];
    }
    const made =
      kinds[node.op.name] === "layer"
        ? [layer(node, inputs, levelsOf(node.inputs[0]))]
        : apply(node.op, inputs, node.attrs);
    return made.map((y, i) => rounded(y, levelsOf(node.outputs[i])));
  });
}

/** The values whose ranges `quantize` needs: computed ones, without those whose range follows from another's. */
export function tensorsToMeasure(g: Graph): Tensor[] {
  const chosen = quantizedNodes(g, {});
  const found = new Set<Tensor>();
  for (const node of chosen) {
    for (const x of node.inputs) if (isActivation(x)) found.add(x);
    if (kinds[node.op.name] !== "mover" && !fixed[node.op.name]) for (const y of node.outputs) found.add(y);
  }
  for (const node of chosen) {
    if (kinds[node.op.name] === "mover" || fixed[node.op.name]) for (const y of node.outputs) found.delete(y);
  }
  return [...found];
}

/** Convolutions and products with a constant that `quantize` can take, in the order they run. */
export const quantizableLayers = (g: Graph): Node[] =>
  [...quantizedNodes(g, {})].filter(({ op }) => kinds[op.name] === "layer");

type Kind = "layer" | "pointwise" | "joint" | "mover";

// Operators with 8-bit kernels. `pointwise` runs in 8 bits where all it reads does, `joint` where some of it does.
const kinds: Readonly<Record<string, Kind | undefined>> = {
  Conv: "layer",
  Gemm: "layer",
  Sigmoid: "pointwise",
  LeakyRelu: "pointwise",
  Mul: "pointwise",
  Add: "pointwise",
  Concat: "joint",
  MaxPool: "mover",
  Resize: "mover",
  Reshape: "mover",
  Transpose: "mover",
  Slice: "mover",
  Split: "mover",
  Gather: "mover",
};

// What an operator's results can be, whatever it reads.
const fixed: Readonly<Record<string, Range | undefined>> = { Sigmoid: { low: 0, high: 1 } };

const isActivation = (x: Tensor): boolean => x.dtype === "float32" && !x.value;

function quantizedNodes(g: Graph, { keep = () => false }: QuantizeOptions): Set<Node> {
  const after = afterLastLayer(g);
  const chosen = new Set<Node>();
  const eight = (x: Tensor) => x.node !== undefined && chosen.has(x.node);
  for (const node of nodes(g)) {
    const [x, ...others] = node.inputs;
    const takes = {
      layer: () => isLayer(node) && !keep(node),
      pointwise: () => node.inputs.every(eight),
      joint: () => node.inputs.some(eight) && node.inputs.every(isActivation),
      mover: () => eight(x) && others.every(({ value }) => value),
    };
    const kind = kinds[node.op.name];
    if (kind && !after.has(node) && takes[kind]()) chosen.add(node);
  }
  return chosen;
}

// A computed value with constant weights and, for each output channel, a constant bias.
function isLayer({ inputs: [x, weight, bias], attrs: { transA } }: Node): boolean {
  const known = weight.value?.dtype === "float32" && (!bias || bias.value?.dtype === "float32");
  return isActivation(x) && known && (!bias || bias.shape.length === 1) && !transA;
}

// ---- scales ----

/** The levels of each value; those that only move share theirs. */
function sharedLevels(chosen: ReadonlySet<Node>, ranges: ReadonlyMap<Tensor, Range>): (x: Tensor) => Levels {
  const groups = grouping(ranges);
  for (const node of chosen) {
    if (kinds[node.op.name] === "mover") for (const y of node.outputs) groups.join(y, node.inputs[0]);
    else for (const y of node.outputs) groups.set(y, fixed[node.op.name]);
  }
  for (const node of chosen) {
    if (kinds[node.op.name] === "joint") for (const x of node.inputs) groups.unite(node.outputs[0], x);
  }
  const made = new Map<string, Levels>();
  return (x) => {
    const { low, high } = groups.rangeOf(x);
    const key = `${low} ${high}`;
    if (!made.has(key)) made.set(key, levels({ low, high }));
    return made.get(key) as Levels;
  };
}

// Joined inputs of a Concat share its scale if that costs none of them more than a third of a level's fineness.
const widest = 4 / 3;

function grouping(ranges: ReadonlyMap<Tensor, Range>) {
  const parents = new Map<Tensor, Tensor>();
  const known = new Map<Tensor, Range>();
  const root = (x: Tensor): Tensor => {
    const parent = parents.get(x);
    return parent ? root(parent) : x;
  };
  const rangeOf = (x: Tensor): Range => {
    const at = root(x);
    const found = known.get(at) ?? rangeBehind(at, ranges);
    if (!found) throw new Error(`no range of ${at.node?.op.name ?? at.label} ${at.id} was measured`);
    return found;
  };
  return {
    rangeOf,
    set(x: Tensor, range: Range | undefined) {
      if (range) known.set(x, range);
    },
    join(y: Tensor, x: Tensor) {
      parents.set(y, root(x));
    },
    unite(a: Tensor, b: Tensor) {
      const [to, from] = [root(a), root(b)];
      if (to === from) return;
      const [x, y] = [withZero(rangeOf(to)), withZero(rangeOf(from))];
      const both = { low: Math.min(x.low, y.low), high: Math.max(x.high, y.high) };
      if (width(both) > widest * Math.min(width(x), width(y))) return;
      known.set(to, both);
      parents.set(from, to);
    },
  };
}

// A value that was only moved has the range of what it was before, also where the move stays in float32.
function rangeBehind(x: Tensor, ranges: ReadonlyMap<Tensor, Range>): Range | undefined {
  const name = x.node?.op.name ?? "";
  const measured = ranges.get(x) ?? fixed[name];
  return measured ?? (x.node && kinds[name] === "mover" ? rangeBehind(x.node.inputs[0], ranges) : undefined);
}

const width = ({ low, high }: Range): number => high - low;

const withZero = ({ low, high }: Range): Range => ({ low: Math.min(low, 0), high: Math.max(high, 0) });

// uint8 levels from low to high, one of them exactly 0.
function levels(range: Range): Levels {
  const { low, high } = withZero(range);
  const scale = Math.fround((high - low) / 255) || 1;
  return { scale: scalar(scale), zero: scalar(Math.min(255, Math.max(0, Math.round(-low / scale))), "uint8") };
}

// As the nearest level, still a float: the pair that ONNX Runtime takes into the operators on both sides.
const rounded = (x: Tensor, at: Levels): Tensor => dequantizeLinear(quantizeLinear(x, at), at);

// The levels of what is `rounded`.
const behind = (x: Tensor): Tensor => x.node!.inputs[0];

// ---- layers ----

// Conv and Gemm with weights int8 and bias int32, whose steps are those of the products x * w.
function layer(node: Node, [x, weight, bias]: readonly Tensor[], input: Levels): Tensor {
  const numbers = weight.value!.data as Float32Array;
  const added = bias?.value?.data as Float32Array | undefined;
  const axis = node.op.name === "Conv" || node.attrs.transB ? 0 : 1;
  const step = number(input.scale);
  const scales = weightScales(numbers, weight.shape, { axis, added, step });
  const place = channelAt(weight.shape, axis);
  const whole = Int8Array.from(numbers, (v, i) => clamped(v / scales[place(i)], 127));
  const w = { scale: floats(scales), zero: zeros("int8", scales.length) };
  const kernel = named("int8", weight, whole);
  const folded =
    node.op === convOp
      ? foldStrides({ x: behind(x), weight: kernel, attrs: node.attrs as unknown as ConvAttrs }, number(input.zero))
      : undefined;
  const inputs = [folded ? dequantizeLinear(folded.x, input) : x, dequantizeLinear(folded?.weight ?? kernel, w, axis)];
  if (bias && added) {
    const steps = scales.map((s) => Math.fround(s * step));
    const sums = Int32Array.from(added, (v, i) => clamped(v / steps[i], 2 ** 31 - 1));
    inputs.push(
      dequantizeLinear(named("int32", bias, sums), { scale: floats(steps), zero: zeros("int32", steps.length) }, 0),
    );
  }
  return apply1(node.op, inputs, { ...node.attrs, ...folded?.attrs });
}

// max |w| / 127 for every output channel, or as much as its bias needs to fit into 32 bits.
function weightScales(
  numbers: Float32Array,
  shape: readonly number[],
  { axis, added, step }: { axis: number; added?: Float32Array; step: number },
): Float32Array {
  const scales = new Float32Array(shape[axis]);
  const place = channelAt(shape, axis);
  for (let i = 0; i < numbers.length; i++) {
    const c = place(i);
    scales[c] = Math.max(scales[c], Math.abs(numbers[i]) / 127);
  }
  return scales.map((scale, c) => Math.max(scale, Math.abs(added?.[c] ?? 0) / (step * 2 ** 30)) || 1);
}

const number = ({ value }: Tensor): number => value!.data[0] as number;

function channelAt(shape: readonly number[], axis: number): (i: number) => number {
  const inner = sizeOf(shape.slice(axis + 1));
  return (i) => Math.floor(i / inner) % shape[axis];
}

const clamped = (v: number, most: number): number => Math.max(-most, Math.min(most, Math.round(v)));

const zeros = (dtype: "int8" | "int32", n: number): Tensor => constant(hostArray(dtype, [n]));

const named = (dtype: "int8" | "int32", { shape, label }: Tensor, data: Int8Array | Int32Array): Tensor => ({
  ...constant(hostArray(dtype, shape, data)),
  label,
});
