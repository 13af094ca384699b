import { UserError } from "../../errors/index.js";
import { reshape, type Tensor, transpose } from "../../graph/index.js";
import { convBlock, type Setting } from "../blocks/conv.js";
import {
  count,
  defineBlock,
  factor,
  flag,
  oneOf,
  optional,
  rate,
  text,
  upTo,
  whole,
  wholes,
} from "../blocks/define.js";
import { parseActivation } from "../layers/activation.js";
import { list, type Module, module } from "../module.js";
import { windowAttention } from "./attention.js";
import { mlp, onMaps, type SwinLayerOptions, swinTokens, type TokenModule } from "./layer.js";

export const WindowAttention_v2 = defineBlock({
  name: "WindowAttention_v2",
  args: {
    dim: count,
    window_size: wholes(2, { least: 1, most: 48 }),
    num_heads: count,
    qkv_bias: flag.or(true),
    attn_drop: rate.or(0),
    proj_drop: rate.or(0),
    pretrained_window_size: wholes(2).or([0, 0]),
  },
  build: ({ dim, window_size: [h, w], num_heads, qkv_bias, attn_drop, proj_drop, pretrained_window_size: [ph, pw] }) =>
    windowAttention(dim, [h, w], num_heads, {
      qkvBias: Boolean(qkv_bias),
      attnDrop: attn_drop,
      projDrop: proj_drop,
      pretrained: [ph, pw],
    }) as unknown as Module,
});

export const Mlp_v2 = defineBlock({
  name: "Mlp_v2",
  args: {
    in_features: count,
    hidden_features: optional(count),
    out_features: optional(count),
    act_layer: text.or("SiLU"),
    drop: rate.or(0),
  },
  build: ({ in_features, hidden_features, out_features, act_layer, drop }) =>
    mlp(in_features, {
      hidden: hidden_features ?? in_features,
      out: out_features ?? in_features,
      activation: parseActivation(act_layer),
      drop,
    }),
});

export const SwinTransformerLayer_v2 = defineBlock({
  name: "SwinTransformerLayer_v2",
  args: {
    dim: count,
    num_heads: count,
    window_size: upTo(48).or(7),
    shift_size: whole.or(0),
    mlp_ratio: factor.or(4),
    qkv_bias: flag.or(true),
    drop: rate.or(0),
    attn_drop: rate.or(0),
    drop_path: rate.or(0),
    act_layer: text.or("SiLU"),
    norm_layer: oneOf("LayerNorm", "nn.LayerNorm").or("LayerNorm"),
    pretrained_window_size: whole.or(0),
  },
  build: (a) => {
    if (a.shift_size >= a.window_size) {
      throw new UserError(`argument shift_size: got ${a.shift_size}, expected less than the window ${a.window_size}`);
    }
    return onMaps(
      swinTokens(a.dim, a.num_heads, {
        window: a.window_size,
        shift: a.shift_size,
        mlpRatio: a.mlp_ratio,
        qkvBias: Boolean(a.qkv_bias),
        drop: a.drop,
        attnDrop: a.attn_drop,
        dropPathRate: a.drop_path,
        activation: parseActivation(a.act_layer),
        pretrainedWindow: a.pretrained_window_size,
      }),
    );
  },
});

export interface SwinVersionOptions {
  readonly window: number;
  readonly shift: number;
  /** The window that the position bias was first trained with, 0: this one; tables of V1 have no scale. */
  readonly pretrainedWindow: number;
}

/** A layer of one of the two versions, and the window it is usually given. */
export interface SwinVersion {
  readonly layer: (dim: number, heads: number, options: SwinVersionOptions) => TokenModule;
  readonly window: number;
}

export const swinV1 = versionV1();
export const swinV2: SwinVersion = { layer: swinTokens, window: 7 };

/** Swin V1 as detectors have it, with this activation in its mlps or the usual one. */
export function versionV1({ activation }: Pick<SwinLayerOptions, "activation"> = {}): SwinVersion {
  const parts = { norm: "pre", padFirst: true, attention: "dot", bias: "table", activation } as const;
  return { layer: (dim, heads, options) => swinTokens(dim, heads, { ...parts, ...options }), window: 8 };
}

/** Swin layers in a row, every other one shifted by half a window; a Conv before them where the widths differ. */
export function swinBlock(
  c1: number,
  c2: number,
  setting: Setting,
  options: { heads: number; layers: number; version?: SwinVersion; window?: number; pretrainedWindow?: number },
): Module {
  const { heads, layers, version = swinV2, window = version.window, pretrainedWindow = 0 } = options;
  const conv = c1 === c2 ? undefined : convBlock(c1, c2, setting);
  const blocks = Array.from({ length: layers }, (_, i) =>
    version.layer(c2, heads, { window, pretrainedWindow, shift: i % 2 === 0 ? 0 : Math.floor(window / 2) }),
  );
  return module({ conv, blocks: list(blocks) }, (x: Tensor) => {
    const map = conv ? conv(x) : x;
    const [b, c, height, width] = map.shape;
    // The layers hand tokens on, so the map is turned once.
    const tokens = transpose(reshape(map, [b, c, height * width]), [0, 2, 1]);
    const y = blocks.reduce((t, block) => block(t, { height, width }), tokens);
    return reshape(transpose(y, [0, 2, 1]), [b, c, height, width]);
  });
}

export const SwinTransformer2Block = defineBlock({
  name: "SwinTransformer2Block",
  args: {
    c1: count,
    c2: count,
    num_heads: count,
    num_layers: upTo(200),
    window_size: upTo(48).or(7),
    pretrained_window_size: whole.or(0),
  },
  inherits: { window_size: "window", pretrained_window_size: "pretrained_window" },
  build: ({ c1, c2, num_heads, num_layers, window_size: window, pretrained_window_size: pretrainedWindow }, context) =>
    swinBlock(c1, c2, context, { heads: num_heads, layers: num_layers, window, pretrainedWindow }),
});

export const SwinTransformerBlock = defineBlock({
  name: "SwinTransformerBlock",
  args: { c1: count, c2: count, num_heads: count, num_layers: upTo(200), window_size: upTo(48).or(8) },
  build: ({ c1, c2, num_heads, num_layers, window_size }, context) =>
    swinBlock(c1, c2, context, { heads: num_heads, layers: num_layers, version: swinV1, window: window_size }),
});
