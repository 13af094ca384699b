import {
  constant,
  type Graph,
  grad,
  graph,
  type HostArray,
  input,
  linear,
  mul,
  reduceSum,
  relu,
  reshape,
  scalar,
  sigmoid,
} from "swinyolo/graph";
import {
  buildSwinClassifier,
  countParameters,
  namedParams,
  paramInputs,
  type SwinClassifier,
  type SwinOptions,
  shiftMask,
  stageGrid,
  swinMultiplyAdds,
} from "swinyolo/nn";
import type { GoldenCase, KindRunner, Plain, Results } from "../cases.js";
import { checksum } from "../checksum.js";
import { evaluate, weightsFor } from "../program.js";

export const kinds: Record<string, KindRunner> = {
  swinv2_io: runIo,
  swinv2_state: runState,
  swinv2_size: runSize,
};

function build({ args }: GoldenCase): SwinClassifier {
  const options: SwinOptions = {
    embedDim: args.embed_dim as number,
    depths: args.depths as number[],
    heads: args.num_heads as number[],
    window: args.window_size as number,
    pretrainedWindow: args.pretrained_window_sizes as number[],
    imageSize: args.img_size as [number, number],
    channels: args.in_chans as number,
    patch: args.patch_size as number,
    mlpRatio: args.mlp_ratio as number,
    qkvBias: args.qkv_bias as boolean,
    drop: args.drop_rate as number,
    attnDrop: args.attn_drop_rate as number,
    dropPath: args.drop_path_rate as number,
    absolutePosition: args.ape as boolean,
    patchNorm: args.patch_norm as boolean,
    extraNormEvery: (args.extra_norm_every as number | undefined) ?? 0,
  };
  return buildSwinClassifier(options, { classes: args.num_classes as number });
}

async function runIo(c: GoldenCase): Promise<Results> {
  const model = build(c);
  const state = weightsFor(model.module, c.state());
  const g = trace(c, model);
  const probe = c.tensors.filter((name) => name.startsWith("grad."));
  const outputs = new Map([...g.outputs, ...gradients(c, g, probe)]);
  const found = await evaluate(graph(g.inputs, outputs), new Map([...state, ["x", c.array("x")]]));
  const checksums = [...found].filter(([name]) => name.startsWith("feature.") || name === "logits");
  const coords = "layers.0.blocks.0.attn.relative_coords_table";
  return {
    ...Object.fromEntries(found),
    "layers.0.coords_table": state.get(coords)!,
    window_and_shift_of_each_block: model.backbone.windows.map((stage) => stage.map((b) => [b.window, b.shift])),
    checksums: Object.fromEntries(checksums.map(([name, array]) => [name, withoutFirst(array)])),
    parameters: countParameters(model.module),
    multiply_adds: swinMultiplyAdds(model.config, model.classes),
  };
}

const withoutFirst = (array: HostArray) => {
  const { first: _, ...sums } = checksum(array);
  return sums;
};

function trace(c: GoldenCase, model: SwinClassifier): Graph {
  const x = input(c.array("x").shape);
  const { embedded, stages, normalised, pooled, logits } = model.features(x);
  const outputs = new Map([["feature.patch_embed", embedded]]);
  for (const [i, { tokens, merged }] of stages.entries()) {
    outputs.set(`feature.stage${i}`, tokens);
    if (merged) outputs.set(`feature.merge${i}`, merged);
  }
  outputs.set("feature.norm", normalised).set("feature.pooled", pooled).set("logits", logits);
  outputs.set("layers.0.block0.position_bias", firstBias(model));
  return graph(new Map([...paramInputs(model.module), ["x", x]]), outputs);
}

// 16 sigmoid(mlp(table)) of the first block: a row for each offset, a column for each head.
function firstBias(model: SwinClassifier) {
  const param = (name: string) => namedParams(model.module).get(`layers.0.blocks.0.attn.${name}`)!.tensor;
  const table = reshape(param("relative_coords_table"), [-1, 2]);
  const hidden = relu(linear(table, param("cpb_mlp.0.weight"), { bias: param("cpb_mlp.0.bias") }));
  return mul(sigmoid(linear(hidden, param("cpb_mlp.2.weight"))), scalar(16));
}

// Gradients of sum(logits * probe).
function gradients(c: GoldenCase, g: Graph, names: readonly string[]) {
  if (names.length === 0) return [];
  const loss = reduceSum(mul(g.outputs.get("logits")!, constant(c.tensor("probe"))));
  const found = grad(
    loss,
    names.map((name) => g.inputs.get(name.replace("grad.", ""))!),
  );
  return names.map((name, i) => [name, found[i]] as const);
}

// What the model holds after it took over the fixture's tensors; masks are made when it is traced.
function runState(c: GoldenCase): Results {
  const model = build(c);
  const given = new Map(c.tensors.map((name) => [name, c.tensor(name)]));
  const weights = weightsFor(model.module, given);
  const codes: Record<string, string> = { float32: "F32", int64: "I64" };
  const derived = [...namedParams(model.module)]
    .filter(([name]) => !given.has(name))
    .map(([name, { tensor }]) => [name, { dtype: codes[tensor.dtype], shape: [...tensor.shape] }] as [string, Plain]);
  const surplus = derived.find(([name]) => !Object.hasOwn(c.expected.derived as object, name));
  if (surplus) throw new Error(`the model has ${surplus[0]}, which the fixture lacks`);
  const loaded = [...weights].filter(([name]) => given.has(name));
  return { ...Object.fromEntries(loaded), derived: { ...Object.fromEntries(derived), ...masks(model) } };
}

const masks = ({ backbone, config }: SwinClassifier) =>
  Object.fromEntries(
    backbone.windows.flatMap((stage, i) =>
      stage.flatMap(({ window, shift }, j) => {
        if (shift === 0) return [];
        const [height, width] = stageGrid(config, config.imageSize, i);
        const n = window ** 2;
        const windows = shiftMask({ height, width, window, shift }).length / n ** 2;
        return [[`layers.${i}.blocks.${j}.attn_mask`, { dtype: "F32", shape: [windows, n, n] }] as [string, Plain]];
      }),
    ),
  );

function runSize(c: GoldenCase): Results {
  const model = build(c);
  const head = model.headNames.map((name) => namedParams(model.module).get(name)!.tensor.shape);
  const parameters = countParameters(model.module);
  return {
    parameters,
    parameters_without_head: parameters - head.reduce((n, shape) => n + shape.reduce((a, b) => a * b, 1), 0),
    multiply_adds: swinMultiplyAdds(model.config, model.classes),
  };
}
