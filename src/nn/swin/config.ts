import { UserError } from "../../errors/index.js";
import type { Pair } from "../layers/basic.js";

/** Where the norms of a block stand: on the branch's result inside the residual (V2), or before the branch (V1). */
export type NormPlace = "res-post" | "pre";
/** How queries and keys meet: by their angle and a learned scale (V2), or by their product over sqrt(width) (V1). */
export type AttentionKind = "cosine" | "dot";
/** Position bias: a small network on log-spaced (V2) or linear offsets, or a table with an entry for each offset (V1). */
export type PositionBias = "log" | "linear" | "table";

/** Everything that decides a Swin Transformer; lists have an entry for each stage. */
export interface SwinConfig {
  readonly embedDim: number;
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  /** Sides of the windows in tokens, before they are fitted to the grid. */
  readonly window: readonly number[];
  /** Sides of the windows that the position bias was first trained with; 0: these. */
  readonly pretrainedWindow: readonly number[];
  /** Height and width of pictures in pixels. */
  readonly imageSize: Pair;
  readonly channels: number;
  readonly patch: number;
  readonly mlpRatio: number;
  readonly qkvBias: boolean;
  readonly drop: number;
  readonly attnDrop: number;
  /** Stochastic depth of the last block; it rises linearly from 0 at the first. */
  readonly dropPath: number;
  readonly absolutePosition: boolean;
  readonly patchNorm: boolean;
  /** One more norm on the trunk after every so many blocks of a stage; 0: none. */
  readonly extraNormEvery: number;
  readonly norm: NormPlace;
  readonly attention: AttentionKind;
  readonly bias: PositionBias;
  /** What the weights of norm1 and norm2 start with. */
  readonly normStart: number;
}

type Lists = "window" | "pretrainedWindow";

/** A configuration with what is usual left out; a number stands for all stages. */
export type SwinOptions = Pick<SwinConfig, "embedDim" | "depths"> &
  Partial<Omit<SwinConfig, Lists | "imageSize">> & {
    readonly window?: number | readonly number[];
    readonly pretrainedWindow?: number | readonly number[];
    readonly imageSize?: number | Pair;
  };

/** The published variants; `giant` is the 1.06 B model of the SimMIM hub, `g` the paper's with 3.0 B parameters. */
export const swinVariants = {
  t: { embedDim: 96, depths: [2, 2, 6, 2], dropPath: 0.2 },
  s: { embedDim: 96, depths: [2, 2, 18, 2], dropPath: 0.3 },
  b: { embedDim: 128, depths: [2, 2, 18, 2], dropPath: 0.5 },
  l: { embedDim: 192, depths: [2, 2, 18, 2], dropPath: 0.2 },
  h: { embedDim: 352, depths: [2, 2, 18, 2], dropPath: 0.2, extraNormEvery: 6 },
  g: { embedDim: 512, depths: [2, 2, 42, 4], dropPath: 0.3, extraNormEvery: 6 },
  giant: { embedDim: 448, depths: [2, 2, 18, 2], dropPath: 0.2 },
} as const satisfies Record<string, SwinOptions>;

export type SwinVariant = keyof typeof swinVariants;

/**
 * The whole configuration, defaults filled in: V2 blocks, heads 32 wide, windows of 8 at 256 x 256.
 * @throws UserError where lists differ in length or widths do not divide.
 */
export function swinConfig(options: SwinOptions): SwinConfig {
  const { embedDim, depths, imageSize = 256, norm = "res-post" } = options;
  const each = (value: number | readonly number[]) => (typeof value === "number" ? depths.map(() => value) : value);
  const config: SwinConfig = {
    channels: 3,
    patch: 4,
    mlpRatio: 4,
    qkvBias: true,
    drop: 0,
    attnDrop: 0,
    dropPath: 0,
    absolutePosition: false,
    patchNorm: true,
    extraNormEvery: 0,
    attention: "cosine",
    bias: "log",
    heads: depths.map((_, i) => Math.max(1, Math.floor((embedDim << i) / 32))),
    // Blocks that start as the identity need the norm behind the branch.
    normStart: norm === "res-post" ? 0 : 1,
    ...withoutGaps(options),
    norm,
    window: each(options.window ?? 8),
    pretrainedWindow: each(options.pretrainedWindow ?? 0),
    imageSize: typeof imageSize === "number" ? [imageSize, imageSize] : imageSize,
  };
  check(config);
  return config;
}

/** A record without the keys that are there and undefined. */
export const withoutGaps = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;

function check({ embedDim, depths, heads, window, pretrainedWindow }: SwinConfig): void {
  if (depths.length === 0) throw new UserError("depths: got none, expected the blocks of each stage");
  for (const [name, list] of Object.entries({ num_heads: heads, window, pretrained_window: pretrainedWindow })) {
    if (list.length !== depths.length) {
      throw new UserError(`${name}: got ${list.length} numbers, expected ${depths.length}, one for each stage`);
    }
  }
  for (const [i, count] of heads.entries()) {
    const dim = embedDim << i;
    if (dim % count)
      throw new UserError(`num_heads: stage ${i} is ${dim} wide, which does not divide among ${count} heads`);
  }
}

/** Tokens of a stage's grid: rows and columns. */
export const stageGrid = ({ patch }: Pick<SwinConfig, "patch">, [height, width]: Pair, stage: number): Pair => [
  height / (patch << stage),
  width / (patch << stage),
];

/**
 * Window and shift of block `block` of a stage on a grid: odd blocks shift by half a window; a grid that is not larger than
 * the window in both directions makes the window its own shorter side, without a shift.
 */
export function fittedWindow([rows, columns]: Pair, window: number, block: number): { window: number; shift: number } {
  const least = Math.min(rows, columns);
  if (least <= window) return { window: least, shift: 0 };
  return { window, shift: block % 2 === 0 ? 0 : Math.floor(window / 2) };
}

/** The side that the windows of each stage have at the configuration's picture size. */
export const fittedWindows = (config: SwinConfig): number[] =>
  config.depths.map((_, i) => fittedWindow(stageGrid(config, config.imageSize, i), config.window[i], 0).window);

/** The side of the windows that the position bias of each stage was first trained with. */
export const trainedWindows = (config: SwinConfig): number[] =>
  fittedWindows(config).map((side, i) => config.pretrainedWindow[i] || side);

/**
 * The configuration with a position bias that speaks the scale of windows that it was first trained with, unless it already
 * names one.
 */
export function scaledLike(config: SwinConfig, trained: readonly number[]): SwinConfig {
  const windows = fittedWindows(config);
  const told = config.pretrainedWindow.some((side) => side > 0);
  return told || trained.every((side, i) => side === windows[i]) ? config : { ...config, pretrainedWindow: trained };
}

/** The configuration for another picture size or window, its position bias as it was trained. */
export function resizedSwin(
  config: SwinConfig,
  { imageSize, window }: Pick<SwinOptions, "imageSize" | "window">,
): SwinConfig {
  const resized = swinConfig({ ...config, imageSize: imageSize ?? config.imageSize, window: window ?? config.window });
  return scaledLike(resized, trainedWindows(config));
}

/** @throws UserError where a picture does not divide into patches, windows and merges. */
export function checkGrid(config: SwinConfig): void {
  const { imageSize, depths, window, patch } = config;
  const step = patch << (depths.length - 1);
  const [height, width] = imageSize;
  if (height % step || width % step || height < step || width < step) {
    throw new UserError(`img_size: got ${height} x ${width}, expected multiples of ${step}`);
  }
  for (const i of depths.keys()) {
    const [rows, columns] = stageGrid(config, imageSize, i);
    const { window: side } = fittedWindow([rows, columns], window[i], 0);
    if (rows % side || columns % side) {
      throw new UserError(
        `window: stage ${i} has a grid of ${rows} x ${columns} tokens, which does not divide into windows of ${side}`,
      );
    }
  }
}
