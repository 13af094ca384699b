import { type Attrs, describe, type Node, nextId, type Tensor, type TensorType } from "./tensor.js";

/** How a node is written as ONNX: its type, attributes, and int64 inputs that follow its own. */
export interface OnnxForm {
  readonly type: string;
  readonly domain?: string;
  readonly attributes?: Attrs;
  /** One entry an extra input: a list of whole numbers, or undefined for an input left out. */
  readonly extra?: readonly (readonly number[] | undefined)[];
  /** For operators whose inputs are not simply the node's: which tensors, in order. */
  readonly inputs?: readonly (Tensor | undefined)[];
}

/**
 * An operator: shape rule, gradient and ONNX form side by side. A composite has `expand` in place of `onnx`: it stands for
 * other operators, and passes that know it (batch statistics to running ones, dropout to nothing) see it whole.
 */
export interface Op {
  readonly name: string;
  infer(inputs: readonly Tensor[], attrs: Attrs): readonly TensorType[];
  /** Gradients for the inputs from those of the outputs (undefined: none flows); undefined for inputs without one. */
  vjp?(dys: readonly (Tensor | undefined)[], node: Node): readonly (Tensor | undefined)[];
  onnx?(node: Node): OnnxForm;
  expand?(node: Node): readonly Tensor[];
  /**
   * The first output again, from inputs and other outputs that the way back keeps anyway: what `remake` asks. `nothing`, a 0 of
   * shape [1], has to take part: it keeps the second time apart from the first.
   */
  remake?(node: Node, nothing: Tensor): Tensor;
  /** Worth computing again instead of keeping: what `recompute` asks. */
  readonly cheap?: boolean;
}

/** Applies an operator: the outputs of a new node. */
export function apply(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}): readonly Tensor[] {
  const types = op.infer(inputs, attrs);
  const outputs: Tensor[] = [];
  const node: Node = { id: nextId(), op, inputs, attrs, outputs };
  for (const [index, { dtype, shape }] of types.entries()) outputs.push({ id: nextId(), dtype, shape, node, index });
  return outputs;
}

/** Applies an operator that has one output. */
export const apply1 = (op: Op, inputs: readonly Tensor[], attrs?: Attrs): Tensor => apply(op, inputs, attrs)[0];

/** A programming mistake in a model: which operator, what it got. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";

  constructor(op: string, inputs: readonly TensorType[], expected: string) {
    super(`${op}(${inputs.map(describe).join(", ")}): ${expected}`);
  }
}
