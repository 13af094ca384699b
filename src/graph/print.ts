import { type Graph, nodes } from "./graph.js";
import { describe, type Tensor } from "./tensor.js";

/** The graph as text, a line a node with its numbers counted from 0, for snapshots and for reading. */
export function printGraph(g: Graph): string {
  const names = new Map<Tensor, string>([...g.inputs].map(([name, tensor]) => [tensor, name]));
  let count = 0;
  const name = (tensor: Tensor): string => {
    const known = names.get(tensor);
    if (known !== undefined) return known;
    const made = tensor.value
      ? tensor.shape.length === 0
        ? String(tensor.value.data[0])
        : `const ${describe(tensor)}`
      : `%${count++}`;
    names.set(tensor, made);
    return made;
  };
  const lines = [...g.inputs].map(([label, tensor]) => `${label}: ${describe(tensor)}`);
  for (const node of nodes(g)) {
    const inputs = node.inputs.map(name).join(", ");
    const attrs = Object.entries(node.attrs).map(([key, value]) => ` ${key}=${short(value)}`);
    const outputs = node.outputs.map((output) => `${name(output)}: ${describe(output)}`).join(", ");
    lines.push(`${outputs} = ${node.op.name}(${inputs})${attrs.join("")}`);
  }
  for (const [label, tensor] of g.outputs) lines.push(`${label} <- ${name(tensor)}`);
  return lines.join("\n");
}

const short = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};
