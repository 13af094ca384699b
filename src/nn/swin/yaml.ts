import { suggestion, UserError } from "../../errors/index.js";
import {
  type Arg,
  type ArgValue,
  count,
  counts,
  eachStage,
  factor,
  flag,
  oneOf,
  rate,
  share,
  size,
  upTo,
  whole,
} from "../blocks/define.js";
import type { Place } from "../build/config.js";
import { type SwinConfig, type SwinOptions, type SwinVariant, swinVariants } from "./config.js";

/**
 * The settings of a `swinv2` section of a model YAML; `variant` brings those of a published one, other keys go before.
 * @throws UserError with the place, what was got and what is expected.
 */
export function readSwin(section: unknown, place: Place): SwinOptions {
  if (typeof section !== "object" || section === null || Array.isArray(section)) {
    throw new UserError(`${place()}: got ${JSON.stringify(section)}, expected keys ${Object.keys(keys).join(", ")}`);
  }
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(section)) {
    if (!Object.hasOwn(keys, key)) {
      const near = suggestion(key, Object.keys(keys)) || `, expected one of ${Object.keys(keys).join(", ")}`;
      throw new UserError(`${place(key)}: key "${key}" is not known${near}`);
    }
    const [name, expected] = keys[key as keyof typeof keys];
    if (!expected.accepts(value as ArgValue)) {
      throw new UserError(`${place(key)}: ${key}: got ${JSON.stringify(value)}, expected ${expected.expected}`);
    }
    options[name] = value;
  }
  const { variant, ...given } = options;
  const all = { ...(variant === undefined ? {} : swinVariants[variant as SwinVariant]), ...given };
  for (const key of ["embed_dim", "depths"] as const) {
    if (!Object.hasOwn(all, keys[key][0]))
      throw new UserError(`${place()}: ${key} is missing, expected ${keys[key][1].expected}`);
  }
  const blocks = (all as unknown as SwinOptions).depths.reduce((a, b) => a + b, 0);
  if (blocks > mostBlocks) throw new UserError(`${place("depths")}: ${blocks} blocks, expected at most ${mostBlocks}`);
  return all as unknown as SwinOptions;
}

/** A model YAML of this configuration, as plain contents: the contrary of reading it. */
export function swinYaml(config: SwinConfig, classes: number): object {
  const section: Record<string, unknown> = {};
  for (const [key, [name]] of Object.entries(keys)) {
    if (key === "variant") continue;
    const value = config[name as keyof SwinConfig];
    section[key] = Array.isArray(value) ? [...value] : value;
  }
  return { task: "classify", nc: classes, ch: config.channels, swinv2: section };
}

const mostBlocks = 1000;

const keys = {
  variant: ["variant", oneOf(...Object.keys(swinVariants))],
  embed_dim: ["embedDim", count],
  depths: ["depths", counts],
  num_heads: ["heads", counts],
  window: ["window", eachStage(upTo(64))],
  img_size: ["imageSize", size],
  pretrained_window: ["pretrainedWindow", eachStage(whole)],
  extra_norm_every: ["extraNormEvery", whole],
  drop_path: ["dropPath", rate],
  drop: ["drop", rate],
  attn_drop: ["attnDrop", rate],
  mlp_ratio: ["mlpRatio", factor],
  qkv_bias: ["qkvBias", flag],
  patch_size: ["patch", count],
  patch_norm: ["patchNorm", flag],
  absolute_position: ["absolutePosition", flag],
  norm: ["norm", oneOf("res-post", "pre")],
  norm_start: ["normStart", share],
  attention: ["attention", oneOf("cosine", "dot")],
  bias: ["bias", oneOf("log", "linear", "table")],
} as const satisfies Record<string, readonly [string, Arg]>;
