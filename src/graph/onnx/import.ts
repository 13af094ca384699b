import { at, UserError } from "../../errors/index.js";
import { type Graph, graph } from "../graph.js";
import { constant, input, type Tensor } from "../tensor.js";
import { importers } from "./operators.js";
import type { OnnxModel, OnnxNode, OnnxValue } from "./read.js";

export interface ImportOptions {
  /** Sizes for the axes that a file leaves free, by their names. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/**
 * The graph of an ONNX file, traced anew with our own operators: it can be printed, differentiated and compiled.
 * Initializers become constants with their names as labels.
 * @throws UserError when it uses an operator that we do not have, or is inconsistent.
 */
export function importGraph(model: OnnxModel, { sizes = {} }: ImportOptions = {}): Graph {
  return at(model.name, () => {
    const version = model.opset.get("") ?? 0;
    if (version < 13 || version > 17)
      throw new UserError(`operator set ${version}; graphs of 13 to 17 can be taken in`);
    const inputs = new Map(model.inputs.map((value) => [value.name, placeholder(value, sizes)]));
    const known = new Map(inputs);
    const find = (name: string): Tensor | undefined => {
      if (name === "") return undefined;
      const initializer = known.has(name) ? undefined : model.initializers.get(name);
      if (initializer) known.set(name, { ...constant(initializer.read()), label: name });
      const tensor = known.get(name);
      if (!tensor) throw new UserError(`the value ${name} is used before anything makes it`);
      return tensor;
    };
    for (const node of model.nodes) {
      const made = at(`node ${node.name || node.outputs[0]}`, () => run(node, node.inputs.map(find)));
      node.outputs.forEach((name, i) => {
        if (name !== "" && made[i]) known.set(name, made[i]);
      });
    }
    return graph(inputs, new Map(model.outputs.map(({ name }) => [name, find(name) as Tensor])));
  });
}

function placeholder({ name, dtype, shape }: OnnxValue, sizes: Readonly<Record<string, number>>): Tensor {
  if (!dtype) throw new UserError(`input ${name} has no type that we use`);
  const known = shape.map((size, axis) => {
    const found = typeof size === "number" ? size : sizes[size ?? ""];
    if (found === undefined)
      throw new UserError(`input ${name} leaves axis ${axis} (${size ?? "no name"}) free; its size is needed`);
    return found;
  });
  return input(known, { dtype, label: name });
}

function run({ type, domain, attributes }: OnnxNode, inputs: (Tensor | undefined)[]): readonly Tensor[] {
  const importer = domain === "" ? importers[type] : undefined;
  if (!importer) throw new UserError(`the operator ${domain === "" ? "" : `${domain}.`}${type} is not one we have`);
  try {
    const made = importer(inputs, attributes);
    return Array.isArray(made) ? made : [made as Tensor];
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
