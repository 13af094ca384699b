import { castArray, elements, type HostArray, hostArray, toFloat32 } from "../../graph/index.js";

/** Where the names of a Swin file come from. */
export type SwinPort = "official" | "timm" | "hugging face" | "torchvision";

type Tensors = ReadonlyMap<string, HostArray>;

/**
 * Weights of a Swin Transformer under the official names, whoever named them; undefined where it is none. Wrappers' prefixes
 * fall away, parts of qkv are joined, a full bias of a V2 block is cut into those of queries and values. Buffers stay.
 */
export function officialSwinNames(tensors: Tensors): { tensors: Map<string, HostArray>; port: SwinPort } | undefined {
  const names = [...tensors.keys()];
  const port = ports.find(({ sign }) => names.some((name) => sign.test(name)));
  if (!port) return undefined;
  const rules = port.rules(names);
  const named = new Map<string, HostArray>();
  for (const [name, tensor] of tensors) named.set(renamed(name, rules), tensor);
  return { tensors: cutBiases(joinQkv(named)), port: rules.includes(timm[0]) ? "timm" : port.name };
}

interface Port {
  readonly name: SwinPort;
  /** A name that only this port has. */
  readonly sign: RegExp;
  readonly rules: (names: readonly string[]) => readonly Rule[];
}

type Rule = readonly [from: RegExp, to: string | ((...groups: string[]) => string)];

const renamed = (name: string, rules: readonly Rule[]): string =>
  rules.reduce((text, [from, to]) => (typeof to === "string" ? text.replace(from, to) : text.replace(from, to)), name);

// Encoders of SimMIM, whole models of wrappers; names of unreleased code by the same authors, and of others for its norms.
const common: readonly Rule[] = [
  [/^(?:module\.|encoder\.|backbone\.|model\.(?=patch_embed|layers|norm|head))+/, ""],
  [/\.rpe_mlp\./, ".cpb_mlp."],
  [/(\.blocks\.\d+)\.norm3\./, "$1.enorm."],
];

const huggingFace: readonly Rule[] = [
  [/^(?:swinv2|swin)\./, ""],
  [/^embeddings\.patch_embeddings\.projection\./, "patch_embed.proj."],
  [/^embeddings\.norm\./, "patch_embed.norm."],
  [/^encoder\./, ""],
  [/\.attention\.self\.(query|key|value)\./, ".attn.$1."],
  [/\.attention\.self\.continuous_position_bias_mlp\./, ".attn.cpb_mlp."],
  [/\.attention\.self\./, ".attn."],
  [/\.attention\.output\.dense\./, ".attn.proj."],
  [/\.layernorm_before\./, ".norm1."],
  [/\.layernorm_after\./, ".norm2."],
  [/\.intermediate\.dense\./, ".mlp.fc1."],
  [/(\.blocks\.\d+)\.output\.dense\./, "$1.mlp.fc2."],
  [/^layernorm\./, "norm."],
  [/^classifier\./, "head."],
];

const torchvision: readonly Rule[] = [
  [/^features\.0\.0\./, "patch_embed.proj."],
  [/^features\.0\.2\./, "patch_embed.norm."],
  // Odd numbers are stages, even ones merges behind them.
  [
    /^features\.(\d+)\./,
    (_, i) => (Number(i) % 2 ? `layers.${(Number(i) - 1) / 2}.blocks.` : `layers.${Number(i) / 2 - 1}.downsample.`),
  ],
  [/\.mlp\.0\./, ".mlp.fc1."],
  [/\.mlp\.3\./, ".mlp.fc2."],
];

// Merges stand at the start of the next stage.
const timm: readonly Rule[] = [
  [/^layers\.(\d+)\.downsample\./, (_, i) => `layers.${Number(i) - 1}.downsample.`],
  [/^head\.fc\./, "head."],
];

const ports: readonly Port[] = [
  {
    name: "hugging face",
    sign: /(^|\.)encoder\.layers\.0\.blocks\.0\.attention\.self\.query\.weight$/,
    rules: () => huggingFace,
  },
  { name: "torchvision", sign: /^features\.1\.0\.attn\.qkv\.weight$/, rules: () => torchvision },
  {
    name: "official",
    sign: /(^|\.)layers\.0\.blocks\.0\.attn\.qkv\.weight$/,
    // TIMM's files differ in the place of their merges and in the name of the head.
    rules: (names) => [...common, ...(names.some((name) => /(^|\.)layers\.0\.downsample\./.test(name)) ? [] : timm)],
  },
];

// query, key, value [dim, ...] as one qkv [3 dim, ...]; biases as q_bias and v_bias where keys have none.
function joinQkv(tensors: Tensors): Map<string, HostArray> {
  const joined = new Map<string, HostArray>();
  for (const [name, tensor] of tensors) {
    const [, prefix, part, kind] = /^(.*\.attn\.)(query|key|value)\.(weight|bias)$/.exec(name) ?? [];
    if (prefix === undefined) joined.set(name, tensor);
    else if (part === "query") {
      const parts = ["query", "key", "value"].map((one) => tensors.get(`${prefix}${one}.${kind}`));
      if (parts.every((one) => one !== undefined)) joined.set(`${prefix}qkv.${kind}`, stacked(parts));
      else joined.set(`${prefix}q_bias`, tensor);
    } else if (part === "value" && !tensors.has(`${prefix}key.${kind}`)) joined.set(`${prefix}v_bias`, tensor);
  }
  return joined;
}

// Where a block has a logit_scale (V2), keys have no bias: a full one loses its middle third, which means nothing.
function cutBiases(tensors: Map<string, HostArray>): Map<string, HostArray> {
  const cut = new Map<string, HostArray>();
  for (const [name, tensor] of tensors) {
    const [, prefix, kind] = /^(.*\.attn\.)(qkv\.bias|k_bias)$/.exec(name) ?? [];
    if (prefix === undefined || !tensors.has(`${prefix}logit_scale`)) cut.set(name, tensor);
    else if (kind === "qkv.bias") {
      const dim = tensor.shape[0] / 3;
      cut.set(`${prefix}q_bias`, rowsOf(tensor, 0, dim)).set(`${prefix}v_bias`, rowsOf(tensor, 2 * dim, dim));
    }
  }
  return cut;
}

function stacked(parts: readonly HostArray[]): HostArray {
  const floats = parts.map((part) => castArray(part, "float32"));
  const shape = [floats.reduce((n, part) => n + part.shape[0], 0), ...floats[0].shape.slice(1)];
  const whole = hostArray("float32", shape);
  let at = 0;
  for (const part of floats) {
    (whole.data as Float32Array).set(part.data as Float32Array, at);
    at += part.data.length;
  }
  return whole;
}

function rowsOf(tensor: HostArray, first: number, count: number): HostArray {
  const width = elements(tensor.shape.slice(1));
  const data = toFloat32(tensor).slice(first * width, (first + count) * width);
  return hostArray("float32", [count, ...tensor.shape.slice(1)], data);
}
