import { add, boundary, dropout, type Tensor } from "../../graph/index.js";
import { truncatedNormalInit } from "../init.js";
import { parseActivation } from "../layers/activation.js";
import type { Pair } from "../layers/basic.js";
import { type Children, list, parameter } from "../module.js";
import { type BiasTables, biasTables } from "./bias.js";
import { fittedWindow, type SwinConfig, stageGrid } from "./config.js";
import { merged, patchEmbed, patchMerging } from "./embed.js";
import { type MapSize, shiftMaskOf, swinTokens, type TokenModule } from "./layer.js";
import type { WindowGrid } from "./window.js";

/** What a stage makes of its tokens: [b, h * w, c], and behind the merge at its end. */
export interface StageOutput {
  readonly tokens: Tensor;
  readonly size: MapSize;
  /** What each of its blocks gives, the last being the tokens. */
  readonly blocks: readonly Tensor[];
  readonly merged?: Tensor;
}

/** How a trunk is run. */
export interface SwinRunOptions {
  /** Changes the tokens of the patches [b, h * w, c] before positions are added to them. */
  readonly tokens?: (patches: Tensor) => Tensor;
}

/** Patch embedding and stages. */
export interface SwinBackbone {
  readonly children: Children;
  readonly run: (
    x: Tensor,
    how?: SwinRunOptions,
  ) => { readonly embedded: Tensor; readonly stages: readonly StageOutput[] };
  /** Channels of each stage. */
  readonly widths: readonly number[];
  /** Window and shift of every block of every stage. */
  readonly windows: readonly (readonly { window: number; shift: number }[])[];
}

/**
 * The trunk of a Swin Transformer. For a classifier `fitted` says the size of its pictures: windows shrink to grids that are
 * not larger. Without it pictures may have any size: windows stay and maps are padded to them.
 */
export function swinBackbone(config: SwinConfig, { fitted }: { fitted?: Pair } = {}): SwinBackbone {
  const { embedDim, depths, patch, absolutePosition, drop } = config;
  const patch_embed = patchEmbed(config.channels, embedDim, { patch, normalised: config.patchNorm });
  const [rows, columns] = stageGrid(config, config.imageSize, 0);
  const absolute_pos_embed = absolutePosition
    ? parameter([1, rows * columns, embedDim], truncatedNormalInit(0.02))
    : undefined;
  const shared = sharing(config);
  const windows = depths.map((depth, stage) => {
    const sized = (block: number) =>
      fitted
        ? fittedWindow(stageGrid(config, fitted, stage), config.window[stage], block)
        : { window: config.window[stage], shift: block % 2 === 0 ? 0 : Math.floor(config.window[stage] / 2) };
    return Array.from({ length: depth }, (_, block) => sized(block));
  });
  const stages = depths.map((_, stage) => ({
    blocks: windows[stage].map((window, block) => swinBlockOf(config, { stage, block, ...window, ...shared })),
    downsample: stage < depths.length - 1 ? patchMerging(embedDim << stage, config.norm) : undefined,
  }));
  const layers = stages.map(({ blocks, downsample }) => ({ children: { blocks: list(blocks), downsample } }));
  return {
    children: { patch_embed, absolute_pos_embed, layers: list(layers) },
    widths: depths.map((_, stage) => embedDim << stage),
    windows,
    run: (x, { tokens } = {}) => {
      const made = patch_embed(x);
      const patches = tokens ? tokens(made) : made;
      const embedded = dropout(absolute_pos_embed ? add(patches, absolute_pos_embed.tensor) : patches, drop);
      const [height, width] = x.shape.slice(2).map((side) => Math.ceil(side / patch));
      return { embedded, stages: runStages(stages, embedded, { height, width }) };
    },
  };
}

interface Stage {
  readonly blocks: readonly TokenModule[];
  readonly downsample?: TokenModule;
}

function runStages(stages: readonly Stage[], embedded: Tensor, first: MapSize): StageOutput[] {
  const outputs: StageOutput[] = [];
  let [x, size] = [embedded, first];
  for (const { blocks, downsample } of stages) {
    // Between the blocks `recompute` may forget what is inside them.
    let tokens = boundary(x);
    const made = blocks.map((block) => {
      tokens = boundary(block(tokens, size));
      return tokens;
    });
    const next = downsample?.(tokens, size);
    outputs.push({ tokens, size, blocks: made, merged: next });
    if (next) [x, size] = [next, merged(size)];
  }
  return outputs;
}

interface BlockPlace extends Sharing {
  readonly stage: number;
  readonly block: number;
  readonly window: number;
  readonly shift: number;
}

function swinBlockOf(config: SwinConfig, { stage, block, window, shift, tablesOf, maskOf }: BlockPlace): TokenModule {
  const { embedDim, heads, depths, dropPath, extraNormEvery } = config;
  const { mlpRatio, qkvBias, drop, attnDrop, norm, attention, bias, normStart } = config;
  const total = depths.reduce((a, b) => a + b, 0);
  const before = depths.slice(0, stage).reduce((a, b) => a + b, 0);
  return swinTokens(embedDim << stage, heads[stage], {
    window,
    shift,
    mlpRatio,
    qkvBias,
    drop,
    attnDrop,
    norm,
    attention,
    bias,
    normStart,
    dropPathRate: total > 1 ? (dropPath * (before + block)) / (total - 1) : 0,
    extraNorm: extraNormEvery > 0 && (block + 1) % extraNormEvery === 0,
    activation: parseActivation("GELU"),
    tables: tablesOf(window, config.pretrainedWindow[stage]),
    maskOf,
  });
}

interface Sharing {
  readonly tablesOf: (window: number, pretrained: number) => BiasTables;
  readonly maskOf: (grid: WindowGrid) => Tensor | undefined;
}

// Tables and masks follow from sizes alone; each is made once.
function sharing({ bias }: SwinConfig): Sharing {
  const tables = new Map<string, BiasTables>();
  const masks = new Map<string, Tensor | undefined>();
  return {
    tablesOf: (w, p) => once(tables, `${w} ${p}`, () => biasTables([w, w], [p, p], bias)),
    maskOf: (grid) => once(masks, `${grid.height} ${grid.width} ${grid.window} ${grid.shift}`, () => shiftMaskOf(grid)),
  };
}

function once<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found !== undefined || known.has(key)) return found as T;
  const made = make();
  known.set(key, made);
  return made;
}
