import { UserError } from "../../errors/index.js";
import { concat, type Tensor } from "../../graph/index.js";
import { convBlock, type Setting } from "../blocks/conv.js";
import { c3 } from "../blocks/csp.js";
import { type BlockDefinition, count, defineBlock, factor, ignored, upTo, whole } from "../blocks/define.js";
import { parseActivation } from "../layers/activation.js";
import { type Module, module } from "../module.js";
import { type SwinVersion, swinBlock, swinV1, swinV2, versionV1 } from "./blocks.js";

// Windows of V2: given in the row, or once for the whole model.
const windowArgs = { window: upTo(48).or(swinV2.window), pretrained_window: whole.or(0) };
const inherits = { window: "window", pretrained_window: "pretrained_window" } as const;

/** Swin V2 layers as a CSP block of form B, built like C3: the width is scaled, the repeats are layers. */
export const SwinV2_CSPB = defineBlock({
  name: "SwinV2_CSPB",
  widths: "scaled",
  repeats: true,
  args: {
    c1: count,
    c2: count,
    n: count.or(1),
    shortcut: ignored.or(false),
    g: ignored.or(1),
    e: ignored.or(0.5),
    ...windowArgs,
  },
  inherits,
  build: ({ c1, c2, n, ...windows }, context) =>
    formB(c1, c2, context, { m: swinIn(swinV2, context, { layers: n, ...windows }) }),
});

/** C3 with Swin V1 layers for bottlenecks, built like C3; its mlps have GELU. */
export const C3STR = defineBlock({
  name: "C3STR",
  widths: "scaled",
  repeats: true,
  args: { c1: count, c2: count, n: count.or(1), shortcut: ignored.or(true), g: ignored.or(1), e: factor.or(0.5) },
  build: ({ c1, c2, n, e }, context) => formA(c1, c2, context, { m: swinIn(swinV1Gelu, context, { layers: n }), e }),
});

const swinV1Gelu = versionV1({ activation: parseActivation("GELU") });

/** The CSP forms by name. Their rows give both widths as they are, and repeats are copies. */
export const Swin_Transformer_A = rowV1("Swin_Transformer_A", formA);
export const Swin_Transformer_B = rowV1("Swin_Transformer_B", formB);
export const Swin_Transformer_C = rowV1("Swin_Transformer_C", formC);
export const Swin_v2_A = rowV2("Swin_v2_A", formA);
export const Swin_v2_B = rowV2("Swin_v2_B", formB);
export const Swin_v2_C = rowV2("Swin_v2_C", formC);
// The same under other names.
export const STCSPA = rowV1("STCSPA", formA);
export const STCSPB = rowV1("STCSPB", formB);
export const STCSPC = rowV1("STCSPC", formC);
export const ST2CSPA = rowV2("ST2CSPA", formA);
export const ST2CSPB = rowV2("ST2CSPB", formB);
export const ST2CSPC = rowV2("ST2CSPC", formC);

function rowV1(name: string, form: Form): BlockDefinition {
  return defineBlock({
    name,
    args: { c1: count, c2: count, n: upTo(200).or(1), shortcut: ignored.or(true), g: ignored.or(1), e: factor.or(0.5) },
    build: ({ c1, c2, n, e }, context) => form(c1, c2, context, { m: swinIn(swinV1, context, { layers: n }), e }),
  });
}

function rowV2(name: string, form: Form): BlockDefinition {
  return defineBlock({
    name,
    args: {
      c1: count,
      c2: count,
      n: upTo(200).or(1),
      shortcut: ignored.or(true),
      g: ignored.or(1),
      e: factor.or(0.5),
      ...windowArgs,
    },
    inherits,
    build: ({ c1, c2, n, e, ...windows }, context) =>
      form(c1, c2, context, { m: swinIn(swinV2, context, { layers: n, ...windows }), e }),
  });
}

interface LayersOptions {
  readonly layers: number;
  readonly window?: number;
  readonly pretrained_window?: number;
}

// Swin layers inside a CSP block, a head for every 32 channels.
const swinIn =
  (version: SwinVersion, setting: Setting, { layers, window, pretrained_window: pretrainedWindow }: LayersOptions) =>
  (c: number): Module =>
    swinBlock(c, c, setting, { heads: Math.floor(c / 32), layers, version, window, pretrainedWindow });

interface FormOptions {
  /** The blocks on one of the two ways, from their width. */
  readonly m: (c: number) => Module;
  /** The width inside over the width outside. */
  readonly e?: number;
}

type Form = (c1: number, c2: number, setting: Setting, options: FormOptions) => Module;

// cv3([m(cv1(x)), cv2(x)])
function formA(c1: number, c2: number, setting: Setting, { m, e = 0.5 }: FormOptions): Module {
  insideWidth(c2, e);
  return c3(c1, c2, setting, m, e);
}

// cv3([m(y), cv2(y)]) with y = cv1(x); as wide inside as outside
function formB(c1: number, c2: number, setting: Setting, { m }: FormOptions): Module {
  const c = insideWidth(c2, 1);
  const cv1 = convBlock(c1, c, setting);
  const cv2 = convBlock(c, c, setting);
  const cv3 = convBlock(2 * c, c2, setting);
  const blocks = m(c);
  return module({ cv1, cv2, cv3, m: blocks }, (x: Tensor) => {
    const y = cv1(x);
    return cv3(concat([blocks(y), cv2(y)], 1));
  });
}

// cv4([cv3(m(cv1(x))), cv2(x)])
function formC(c1: number, c2: number, setting: Setting, { m, e = 0.5 }: FormOptions): Module {
  const c = insideWidth(c2, e);
  const cv1 = convBlock(c1, c, setting);
  const cv2 = convBlock(c1, c, setting);
  const cv3 = convBlock(c, c, setting);
  const cv4 = convBlock(2 * c, c2, setting);
  const blocks = m(c);
  return module({ cv1, cv2, cv3, cv4, m: blocks }, (x: Tensor) => cv4(concat([cv3(blocks(cv1(x))), cv2(x)], 1)));
}

function insideWidth(c2: number, e: number): number {
  const c = Math.floor(c2 * e);
  if (c >= 32) return c;
  const rest = e === 1 ? "" : `, over e ${e}`;
  throw new UserError(`argument c2: got ${c2}, expected at least ${Math.ceil(32 / e)}, the width of a head${rest}`);
}
