import { type Graph, rewrite } from "../graph.js";
import { apply, type Op } from "../op.js";
import { transpose, transposeOp } from "../ops/shape.js";
import type { Attrs, Node, Tensor } from "../tensor.js";

/**
 * The graph without repeated work: nodes that compute the same become one, equal constants one, and a transposition of a
 * transposition a single one or nothing. What the outputs do not need is never in a graph.
 */
export function prune(g: Graph): Graph {
  const constants = new Map<string, Tensor[]>();
  const made = new Map<Op, Map<string, readonly Tensor[]>>();
  const textOf = attrsText();
  return rewrite(g, (node, given) => {
    const inputs = given.map((x) => shared(constants, x));
    const before = inputs[0]?.node;
    if (node.op === transposeOp && before?.op === transposeOp) {
      const [inner, outer] = [before.attrs.perm as number[], node.attrs.perm as number[]];
      return [
        transpose(
          before.inputs[0],
          outer.map((axis) => inner[axis]),
        ),
      ];
    }
    if (isUndecided(node)) return apply(node.op, inputs, node.attrs);
    const alike = made.get(node.op) ?? new Map<string, readonly Tensor[]>();
    made.set(node.op, alike);
    const key = `${inputs.map(({ id }) => id).join(",")} ${textOf(node.attrs)}`;
    const same = inputs.every((x, i) => x === node.inputs[i]);
    const outputs = alike.get(key) ?? (same ? node.outputs : apply(node.op, inputs, node.attrs));
    alike.set(key, outputs);
    return outputs;
  });
}

// Dropout before a pass has decided what it does: two of them are not one.
const isUndecided = ({ op }: Node): boolean => !op.onnx && !op.expand;

// The constant equal to x that was seen first.
function shared(constants: Map<string, Tensor[]>, x: Tensor): Tensor {
  if (!x.value) return x;
  const key = `${x.dtype} ${x.shape.join(",")} ${x.value.data[0]}`;
  const alike = constants.get(key) ?? [];
  constants.set(key, alike);
  const { data } = x.value;
  const found = alike.find(({ value }) => value?.data === data || value?.data.every((v, i) => Object.is(v, data[i])));
  if (!found) alike.push(x);
  return found ?? x;
}

// Attributes as text; long lists of indices are written out once.
function attrsText(): (attrs: Attrs) => string {
  const known = new WeakMap<object, string>();
  return (attrs) => {
    let text = known.get(attrs);
    if (text === undefined) {
      text = JSON.stringify(attrs);
      known.set(attrs, text);
    }
    return text;
  };
}
