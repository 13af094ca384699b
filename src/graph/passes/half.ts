import { type Graph, graph, lower, nodes, rewrite } from "../graph.js";
import { toFloat16, toFloat32 } from "../host.js";
import { apply } from "../op.js";
import { cast, castOp, max, min } from "../ops/elementwise.js";
import { constant, input, type Node, scalar, sizeOf, type Tensor } from "../tensor.js";

export interface HalfOptions {
  /** Whether the graph's inputs and outputs stay float32. */
  readonly keepIo?: boolean;
  /** Nodes that compute in float32 besides those that must. */
  readonly keep?: (node: Node) => boolean;
}

/**
 * The graph in float16: constants and inputs become halves, and so does what is computed from them. Sums, powers, roots
 * and whatever works with a number that a half cannot hold (1e-12, -1e9) stay in float32, and so do products with
 * reciprocals, which may be huge where they meet zeros: an infinite half would make them NaN, so these end at its largest.
 */
export function half(g: Graph, { keepIo = true, keep = () => false }: HalfOptions = {}): Graph {
  const whole = lower(g);
  const { asHalf, asFull, saturated } = converters();
  const steep = steepNodes(whole);
  const inputs = new Map<string, Tensor>();
  const substitute = new Map<Tensor, Tensor>();
  for (const [name, tensor] of g.inputs) {
    const { dtype, shape, label } = tensor;
    const turned = dtype === "float32" && !keepIo ? input(shape, { dtype: "float16", label }) : tensor;
    inputs.set(name, turned);
    substitute.set(tensor, turned);
  }
  const { outputs } = rewrite(
    whole,
    (node, now) => {
      if (steep.has(node)) return apply(node.op, now.map(asFull), node.attrs).map(saturated);
      if (needsFull(node) || keep(node)) return apply(node.op, now.map(asFull), node.attrs);
      if (node.op === castOp && node.attrs.to === "float32") return [cast(now[0], "float16")];
      return apply(node.op, now.map(asHalf), node.attrs);
    },
    { substitute, added: inputs },
  );
  const convert = keepIo ? asFull : asHalf;
  return graph(inputs, new Map([...outputs].map(([name, tensor]) => [name, convert(tensor)])));
}

// Each value is converted once, and one that was just converted is taken as it was before.
function converters() {
  const halves = new Map<Tensor, Tensor>();
  const fulls = new Map<Tensor, Tensor>();
  const bounded = new Set<Tensor>();
  const saturated = (x: Tensor): Tensor => {
    bounded.add(x);
    return x;
  };
  const within = (x: Tensor): Tensor => (bounded.has(x) ? min(max(x, scalar(-largest)), scalar(largest)) : x);
  const asHalf = (x: Tensor): Tensor => {
    if (x.dtype !== "float32") return x;
    if (!halves.has(x)) {
      const made = x.value
        ? { ...constant({ dtype: "float16", shape: x.value.shape, data: toFloat16(x.value) }), label: x.label }
        : cast(within(x), "float16");
      halves.set(x, made);
      if (!x.value) fulls.set(made, x);
    }
    return halves.get(x) as Tensor;
  };
  const asFull = (x: Tensor): Tensor => {
    if (x.dtype !== "float16") return x;
    if (!fulls.has(x)) {
      const made = cast(x, "float32");
      fulls.set(x, made);
      halves.set(made, x);
    }
    return fulls.get(x) as Tensor;
  };
  return { asHalf, asFull, saturated };
}

const largest = 65_504;

/** Reciprocals, and what is computed from them directly or from powers of them. */
function steepNodes(g: Graph): Set<Node> {
  const steep = new Set<Node>();
  const powers = new Set<Tensor>();
  for (const node of nodes(g)) {
    const variable = node.inputs.filter(({ value }) => !value);
    const touched = variable.some((x) => powers.has(x));
    if (node.op.name !== "Reciprocal" && !touched) continue;
    steep.add(node);
    if (node.op.name === "Reciprocal" || variable.every((x) => powers.has(x))) powers.add(node.outputs[0]);
  }
  return steep;
}

// Their results leave a half's range or lose its digits.
const wide = new Set(["ReduceSum", "ReduceSumSquare", "ReduceMean", "Sqrt", "Pow", "Exp", "Log"]);

function needsFull({ op, inputs, attrs }: Node): boolean {
  if (wide.has(op.name)) return true;
  if (op.name === "Mul" && inputs[0] === inputs[1]) return true; // squares, on their way to a sum
  if (op === castOp && attrs.to === "float32" && inputs[0].dtype.startsWith("int")) return true;
  return inputs.some((x) => x.value?.dtype === "float32" && !fits(x));
}

// Finite numbers stay finite; a lone number other than 0 does not become 0.
function fits({ value, shape }: Tensor): boolean {
  if (!value) return true;
  const data = toFloat32(value);
  if (sizeOf(shape) === 1 && data[0] !== 0 && Math.abs(data[0]) < 2 ** -24) return false;
  return data.every((v) => Math.abs(v) < 65520 || !Number.isFinite(v));
}
