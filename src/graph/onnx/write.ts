import { UserError } from "../../errors/index.js";
import { type Graph, lower } from "../graph.js";
import type { HostArray } from "../host.js";
import type { OnnxForm } from "../op.js";
import { fileOrder } from "../order.js";
import { type Attrs, ints, type Node, type Tensor } from "../tensor.js";
import { dataTypes } from "./types.js";
import { Writer } from "./wire.js";

export interface OnnxOptions {
  /** Key-value pairs kept in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly name?: string;
  /** Names instead of numbers for axes that stay free: input or output name -> axis -> name; an empty one says nothing at all. */
  readonly freeAxes?: Readonly<Record<string, Readonly<Record<number, string>>>>;
  /**
   * Where the numbers of large constants go instead of the model itself: called with the bytes in order, they become the
   * file `location` beside the model. For models over protobuf's 2 GB.
   */
  readonly external?: { readonly location: string; readonly write: (bytes: Uint8Array) => void };
}

export const opset = 17;
const irVersion = 8;
const externalFrom = 1024;
const largest = 2 ** 31 - 1;

/**
 * The graph as an ONNX file: opset 17, IR version 8. Constants that have a label keep it as their name.
 * @throws UserError when it would be larger than the 2 GB that such a file can be.
 */
export function toOnnx(g: Graph, options: OnnxOptions = {}): Uint8Array {
  const lowered = lower(g);
  const twice = [...g.outputs.keys()].find((name) => g.inputs.has(name));
  if (twice !== undefined) throw new Error(`an input and an output of a graph are both called ${twice}`);
  const model = new Writer();
  model.int(1, irVersion).text(2, "swinyolo");
  const domains = new Set([""]);
  model.message(7, (w) => writeGraph(w, lowered, { ...options, domains }));
  for (const domain of domains) {
    model.message(8, (w) => w.text(1, domain).int(2, domain === "" ? opset : 1));
  }
  for (const [key, value] of Object.entries(options.metadata ?? {})) {
    model.message(14, (w) => w.text(1, key).text(2, value));
  }
  const bytes = model.finish();
  if (bytes.length > largest) {
    throw new UserError(
      `a model of ${(bytes.length / 1e9).toFixed(1)} GB: an ONNX file holds at most 2 GB, its constants must go to a file beside it`,
    );
  }
  return bytes;
}

const formOf = (node: Node): OnnxForm => {
  if (!node.op.onnx)
    throw new Error(`${node.op.name} has no ONNX form (dropout outside \`training\` and \`inference\`?)`);
  return node.op.onnx(node);
};

// Adds the domains of its operators to `domains`.
function writeGraph(w: Writer, g: Graph, options: OnnxOptions & { readonly domains: Set<string> }): void {
  const names = new Map<Tensor, string>();
  for (const [name, tensor] of g.inputs) names.set(tensor, name);
  // An output that is an input, a constant or a second name for one value goes through Identity.
  const copies: [from: Tensor, to: string][] = [];
  for (const [name, tensor] of g.outputs) {
    if (tensor.node && !names.has(tensor)) names.set(tensor, name);
    else copies.push([tensor, name]);
  }
  const constants = new Map<Tensor, string>();
  const taken = new Set([...g.inputs.keys(), ...g.outputs.keys()]);
  const constantName = ({ id, label }: Tensor): string => {
    const name = label !== undefined && !taken.has(label) ? label : `c${id}`;
    taken.add(name);
    return name;
  };
  const nameOf = (tensor: Tensor | undefined): string => {
    if (!tensor) return "";
    let name = names.get(tensor);
    if (name === undefined) {
      name = tensor.value ? constantName(tensor) : `${tensor.node?.op.name ?? "x"}_${tensor.id}`;
      names.set(tensor, name);
    }
    if (tensor.value) constants.set(tensor, name);
    return name;
  };
  const lists = new Map<string, Tensor>();
  const list = (numbers: readonly number[] | undefined): Tensor | undefined => {
    if (!numbers) return undefined;
    const key = numbers.join(",");
    if (!lists.has(key)) lists.set(key, ints(numbers));
    return lists.get(key);
  };
  for (const node of fileOrder(g)) {
    const form = formOf(node);
    options.domains.add(form.domain ?? "");
    const inputs = [...(form.inputs ?? node.inputs), ...(form.extra ?? []).map(list)].map(nameOf);
    const outputs = node.outputs.map(nameOf);
    w.message(1, (n) => writeNode(n, { form, inputs, outputs, name: `${node.op.name}_${node.id}` }));
  }
  for (const [from, to] of copies) {
    const form = { type: "Identity" };
    const inputs = [nameOf(from)];
    w.message(1, (n) => writeNode(n, { form, inputs, outputs: [to], name: `Identity_${to}` }));
  }
  w.text(2, options.name ?? "swinyolo");
  let offset = 0;
  for (const [tensor, name] of constants) {
    const bytes = bytesOf(tensor.value!);
    const external = options.external && bytes.length >= externalFrom ? options.external : undefined;
    w.message(5, (t) => writeTensor(t, tensor.value!, { name, bytes, location: external?.location, offset }));
    if (external) {
      external.write(bytes);
      offset += bytes.length;
    }
  }
  for (const [name, tensor] of g.inputs) w.message(11, (v) => writeValue(v, name, tensor, options.freeAxes?.[name]));
  for (const [name, tensor] of g.outputs) w.message(12, (v) => writeValue(v, name, tensor, options.freeAxes?.[name]));
}

interface NodeText {
  readonly form: OnnxForm;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name: string;
}

function writeNode(w: Writer, { form, inputs, outputs, name }: NodeText): void {
  // Trailing empty names stand for optional inputs left out.
  const last = inputs.findLastIndex((input) => input !== "");
  for (const input of inputs.slice(0, last + 1)) w.text(1, input);
  for (const output of outputs) w.text(2, output);
  w.text(3, name).text(4, form.type);
  for (const [key, value] of Object.entries(form.attributes ?? {})) {
    if (value !== undefined) w.message(5, (a) => writeAttribute(a, key, value));
  }
  if (form.domain) w.text(7, form.domain);
}

const floatAttributes = new Set(["alpha", "beta", "epsilon", "momentum"]);

// AttributeProto: name 1, f 2, i 3, s 4, ints 8, type 20 (FLOAT 1, INT 2, STRING 3, INTS 7).
function writeAttribute(w: Writer, key: string, value: unknown): void {
  w.text(1, key);
  if (typeof value === "string") w.text(4, value).int(20, 3);
  else if (typeof value === "number" && floatAttributes.has(key)) w.float(2, value).int(20, 1);
  else if (typeof value === "number") w.int(3, value).int(20, 2);
  else if (Array.isArray(value)) {
    for (const item of value as number[]) w.int(8, item);
    w.int(20, 7);
  } else w.int(3, dataTypes[(value as Attrs).dtype as keyof typeof dataTypes]).int(20, 2);
}

interface TensorText {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly location?: string;
  readonly offset: number;
}

// TensorProto: dims 1, data_type 2, name 8, raw_data 9, external_data 13, data_location 14.
function writeTensor(w: Writer, { dtype, shape }: HostArray, { name, bytes, location, offset }: TensorText): void {
  for (const size of shape) w.int(1, size);
  w.int(2, dataTypes[dtype]).text(8, name);
  if (location === undefined) {
    w.data(9, bytes);
    return;
  }
  const entries = { location, offset: String(offset), length: String(bytes.length) };
  for (const [key, value] of Object.entries(entries)) w.message(13, (e) => e.text(1, key).text(2, value));
  w.int(14, 1);
}

const bytesOf = ({ data }: HostArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

// ValueInfoProto { name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 | dim_param 2 } } } } }
function writeValue(
  w: Writer,
  name: string,
  { dtype, shape }: Tensor,
  free: Readonly<Record<number, string>> = {},
): void {
  w.text(1, name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.int(1, dataTypes[dtype]).message(2, (dims) => {
        shape.forEach((size, i) => {
          dims.message(1, (dim) => {
            if (free[i] === undefined) dim.int(1, size);
            else if (free[i] !== "") dim.text(2, free[i]);
          });
        });
      }),
    ),
  );
}
