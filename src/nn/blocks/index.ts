import {
  Mlp_v2,
  SwinTransformer2Block,
  SwinTransformerLayer_v2,
  SwinV2_CSPB,
  WindowAttention_v2,
} from "../swin/blocks.js";
import { SwinV2Backbone } from "../swin/dense.js";
import { BatchNorm2d, Conv, Conv2d, ConvTranspose2d, DWConv, DWConvTranspose2d, Focus } from "./conv.js";
import { Bottleneck, BottleneckCSP, C3, C3x, CrossConv } from "./csp.js";
import type { BlockDefinition } from "./define.js";
import { C3Ghost, GhostBottleneck, GhostConv } from "./ghost.js";
import { C3SPP, MaxPool2d, SPP, SPPF } from "./pool.js";
import { Concat, Contract, Expand, Feature, Identity, MixConv2d, Sum, Upsample, ZeroPad2d } from "./shape.js";
import { C3TR, TransformerBlock, TransformerLayer } from "./transformer.js";

/** Every module that a YAML row can name; the head, Detect, is the builder's own. */
export const blocks: Readonly<Record<string, BlockDefinition>> = {
  Conv,
  DWConv,
  DWConvTranspose2d,
  Focus,
  Bottleneck,
  BottleneckCSP,
  C3,
  C3x,
  CrossConv,
  C3TR,
  TransformerBlock,
  TransformerLayer,
  C3SPP,
  SPP,
  SPPF,
  C3Ghost,
  GhostBottleneck,
  GhostConv,
  MixConv2d,
  Contract,
  Expand,
  Concat,
  Feature,
  Sum,
  SwinV2_CSPB,
  SwinTransformer2Block,
  SwinTransformerLayer_v2,
  WindowAttention_v2,
  Mlp_v2,
  SwinV2Backbone,
  "nn.Conv2d": Conv2d,
  "nn.ConvTranspose2d": ConvTranspose2d,
  "nn.BatchNorm2d": BatchNorm2d,
  "nn.MaxPool2d": MaxPool2d,
  "nn.Upsample": Upsample,
  "nn.ZeroPad2d": ZeroPad2d,
  "nn.Identity": Identity,
};
