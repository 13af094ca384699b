import { messageOf, UserError } from "../../errors/index.js";
import type { DType } from "../host.js";
import { type ExternalReader, type OnnxTensor, readTensor } from "./tensors.js";
import { dtypeOf } from "./types.js";
import { type Field, fields, packed } from "./wire.js";

/** What an ONNX file says, as plain data; nothing is run and the numbers of tensors stay where they are until asked for. */
export interface OnnxModel {
  /** What the file is called in messages. */
  readonly name: string;
  readonly irVersion: number;
  readonly producer: string;
  /** Version of each operator set, by domain; the standard one has the domain "". */
  readonly opset: ReadonlyMap<string, number>;
  readonly metadata: Readonly<Record<string, string>>;
  /** What is fed: without the initializers that older files list here too. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
}

/** An input or output: its type where it is one we use, and for every axis a size, the name of a free one, or nothing. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype?: DType;
  readonly shape: readonly (number | string | undefined)[];
}

export interface OnnxNode {
  readonly name: string;
  readonly type: string;
  readonly domain: string;
  /** Names of values; "" for an optional input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** Numbers, texts and tensors; `undefined` for what we do not read (graphs inside nodes, sparse tensors). */
export type OnnxAttribute = number | string | readonly number[] | readonly string[] | OnnxTensor | undefined;

export interface ReadOptions {
  /** What the file is called in messages. */
  readonly name?: string;
  /** Reads the numbers that a model keeps in files beside it. */
  readonly external?: ExternalReader;
}

/**
 * Reads an ONNX file.
 * @throws UserError that names the file when it is cut, damaged or no ONNX file.
 */
export function fromOnnx(bytes: Uint8Array, { name = "the model", external }: ReadOptions = {}): OnnxModel {
  try {
    return readModel(bytes, { name, external, left: most });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${name}: not a readable ONNX file: ${messageOf(error)}`, { cause: error });
  }
}

// So many nodes, tensors, names and attributes a file may have: a small file cannot make us fill the memory.
const most = 1_000_000;

interface Reading {
  readonly name: string;
  readonly external?: ExternalReader;
  left: number;
}

// ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8, metadata_props 14.
function readModel(bytes: Uint8Array, reading: Reading): OnnxModel {
  let [irVersion, producer] = [0, ""];
  let graph: Graph | undefined;
  const opset = new Map<string, number>();
  const metadata = new Map<string, string>();
  for (const field of parts(bytes, reading)) {
    if (field.number === 1) irVersion = whole(field);
    else if (field.number === 2) producer = text(field);
    else if (field.number === 7) graph = readGraph(inside(field), reading);
    else if (field.number === 8) opset.set(...readOpset(inside(field), reading));
    else if (field.number === 14) metadata.set(...readPair(inside(field), reading));
  }
  if (irVersion === 0 || !graph || opset.size === 0) throw new Error("it has no version, graph or operator set");
  return { name: reading.name, irVersion, producer, opset, metadata: Object.fromEntries(metadata), ...graph };
}

type Graph = Pick<OnnxModel, "inputs" | "outputs" | "nodes" | "initializers">;

// GraphProto: node 1, initializer 5, input 11, output 12.
function readGraph(bytes: Uint8Array, reading: Reading): Graph {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  for (const field of parts(bytes, reading)) {
    if (field.number === 1) nodes.push(readNode(inside(field), reading));
    else if (field.number === 5) {
      const tensor = readTensor(inside(field), reading);
      initializers.set(tensor.name, tensor);
    } else if (field.number === 11) inputs.push(readValue(inside(field), reading));
    else if (field.number === 12) outputs.push(readValue(inside(field), reading));
  }
  return { nodes, initializers, inputs: inputs.filter(({ name }) => !initializers.has(name)), outputs };
}

// NodeProto: input 1, output 2, name 3, op_type 4, attribute 5, domain 7.
function readNode(bytes: Uint8Array, reading: Reading): OnnxNode {
  let [name, type, domain] = ["", "", ""];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  for (const field of parts(bytes, reading)) {
    if (field.number === 1) inputs.push(text(field));
    else if (field.number === 2) outputs.push(text(field));
    else if (field.number === 3) name = text(field);
    else if (field.number === 4) type = text(field);
    else if (field.number === 5) attributes.set(...readAttribute(inside(field), reading));
    else if (field.number === 7) domain = text(field);
  }
  return { name, type, domain: domain === "ai.onnx" ? "" : domain, inputs, outputs, attributes };
}

// AttributeProto: name 1, f 2, i 3, s 4, t 5, floats 7, ints 8, strings 9, type 20.
function readAttribute(bytes: Uint8Array, reading: Reading): [string, OnnxAttribute] {
  let [name, type] = ["", 0];
  const found: Record<number, OnnxAttribute> = { 1: 0, 2: 0, 3: "" };
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  for (const field of parts(bytes, reading)) {
    if (field.number === 1) name = text(field);
    else if (field.number === 2) found[1] = float(field);
    else if (field.number === 3) found[2] = whole(field);
    else if (field.number === 4) found[3] = text(field);
    else if (field.number === 5) found[4] = readTensor(inside(field), reading);
    else if (field.number === 7) for (const value of floatsOf(field)) floats.push(value);
    else if (field.number === 8) for (const value of packed(field)) ints.push(Number(value));
    else if (field.number === 9) strings.push(text(field));
    else if (field.number === 20) type = whole(field);
  }
  // FLOAT 1, INT 2, STRING 3, TENSOR 4, FLOATS 6, INTS 7, STRINGS 8.
  return [name, { ...found, 6: floats, 7: ints, 8: strings }[type]];
}

// ValueInfoProto { name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 | dim_param 2 } } } } }
function readValue(bytes: Uint8Array, reading: Reading): OnnxValue {
  let name = "";
  let dtype: DType | undefined;
  let shape: (number | string | undefined)[] = [];
  for (const field of parts(bytes, reading)) {
    if (field.number === 1) name = text(field);
    if (field.number !== 2) continue;
    for (const type of parts(inside(field), reading)) {
      if (type.number !== 1) continue;
      for (const part of parts(inside(type), reading)) {
        if (part.number === 1) dtype = dtypeOf(whole(part));
        else if (part.number === 2)
          shape = [...parts(inside(part), reading)].map((dim) => readDim(inside(dim), reading));
      }
    }
  }
  return { name, dtype, shape };
}

function readDim(bytes: Uint8Array, reading: Reading): number | string | undefined {
  let size: number | string | undefined;
  for (const field of parts(bytes, reading)) {
    if (field.number === 1) size = whole(field);
    else if (field.number === 2) size = text(field);
  }
  return size === "" || (typeof size === "number" && size < 0) ? undefined : size;
}

function readOpset(bytes: Uint8Array, reading: Reading): [string, number] {
  let [domain, version] = ["", 0];
  for (const field of parts(bytes, reading)) {
    if (field.number === 1) domain = text(field);
    else if (field.number === 2) version = whole(field);
  }
  return [domain === "ai.onnx" ? "" : domain, version];
}

function readPair(bytes: Uint8Array, reading: Reading): [string, string] {
  const pair: [string, string] = ["", ""];
  for (const field of parts(bytes, reading))
    if (field.number === 1 || field.number === 2) pair[field.number - 1] = text(field);
  return pair;
}

function* parts(bytes: Uint8Array, reading: { left: number }): Generator<Field> {
  for (const field of fields(bytes)) {
    if (reading.left-- <= 0) throw new Error(`it has more than ${most} parts`);
    yield field;
  }
}

const decoder = new TextDecoder();

function inside(field: Field): Uint8Array {
  if (field.wire !== 2) throw new Error(`field ${field.number} is a number where a message is due`);
  return field.bytes;
}

const text = (field: Field): string => decoder.decode(inside(field));

function whole(field: Field): number {
  if (field.wire !== 0) throw new Error(`field ${field.number} is no whole number`);
  return Number(BigInt.asIntN(64, field.int));
}

function float(field: Field): number {
  if (field.wire !== 5) throw new Error(`field ${field.number} is no float`);
  return new Float32Array(Uint32Array.of(Number(field.int)).buffer)[0];
}

function floatsOf(field: Field): number[] {
  if (field.wire === 5) return [float(field)];
  const bytes = inside(field);
  if (bytes.length % 4) throw new Error("a list of floats is cut off");
  return Array.from(new Float32Array(new Uint8Array(bytes).buffer));
}
