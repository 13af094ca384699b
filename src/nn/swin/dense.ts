import { UserError } from "../../errors/index.js";
import type { Tensor } from "../../graph/index.js";
import { type Arg, type ArgValue, count, counts, defineBlock, eachStage, rate, upTo, whole } from "../blocks/define.js";
import { layerNorm } from "../layers/basic.js";
import { type Module, module } from "../module.js";
import { swinBackbone } from "./backbone.js";
import { type SwinConfig, type SwinOptions, type SwinVariant, swinConfig, swinVariants } from "./config.js";
import { withSwinDecay } from "./decay.js";
import { toMap } from "./embed.js";
import { withSwinInit } from "./init.js";

/** Pictures of any size to the maps of some stages [b, c, h, w], each normalised; names of weights as in a classifier. */
export function swinFeatures(config: SwinConfig, stages: readonly number[]): Module<(x: Tensor) => readonly Tensor[]> {
  const backbone = swinBackbone(config);
  const norms = stages.map((stage) => layerNorm(backbone.widths[stage]));
  const named = Object.fromEntries(stages.map((stage, i) => [`norm${stage}`, norms[i]]));
  return module(withSwinDecay(withSwinInit({ ...backbone.children, ...named })), (x: Tensor) => {
    const outputs = backbone.run(x).stages;
    return stages.map((stage, i) => toMap(norms[i](outputs[stage].tokens), outputs[stage].size));
  });
}

const variant: Arg<ArgValue> = {
  expected: `one of ${Object.keys(swinVariants).join(", ")}, or [embed_dim, depths] or [embed_dim, depths, num_heads]`,
  accepts: (value) => {
    if (typeof value === "string") return Object.hasOwn(swinVariants, value);
    if (!Array.isArray(value) || value.length < 2 || value.length > 3) return false;
    return count.accepts(value[0]) && value.slice(1).every((list) => counts.accepts(list) && list.length <= 8);
  },
  or: () => variant,
};

export const SwinV2Backbone = defineBlock({
  name: "SwinV2Backbone",
  args: {
    variant,
    window: eachStage(upTo(64)).or(8),
    drop_path: rate.or(0.2),
    pretrained_window: eachStage(whole).or(0),
    stages: eachStage(whole).or([1, 2, 3]),
  },
  inherits: { window: "window", pretrained_window: "pretrained_window" },
  maps: (args) => {
    const { embedDim } = optionsOf(args.variant);
    return stagesOf(args).map((stage) => embedDim << stage);
  },
  build: (args, { channels }) => {
    const config = swinConfig({
      ...optionsOf(args.variant),
      window: args.window,
      pretrainedWindow: args.pretrained_window,
      dropPath: args.drop_path,
      channels: channels[0],
    });
    return swinFeatures(config, stagesOf(args));
  },
});

function optionsOf(variant: ArgValue): SwinOptions {
  if (typeof variant === "string") return swinVariants[variant as SwinVariant];
  const [embedDim, depths, heads] = variant as unknown as [number, number[], number[]?];
  return { embedDim, depths, ...(heads && { heads }) };
}

function stagesOf({ variant, stages }: { variant: ArgValue; stages: number | number[] }): number[] {
  const { depths } = optionsOf(variant);
  const wanted = typeof stages === "number" ? [stages] : stages;
  const wrong = wanted.find((stage) => stage >= depths.length);
  if (wrong === undefined) return wanted;
  throw new UserError(`argument stages: got ${wrong}, expected stages from 0 to ${depths.length - 1}`);
}
