import { UserError } from "../../errors/index.js";
import { type SwinConfig, swinConfig, swinVariants } from "../../nn/index.js";

/** What decides the size of a Swin V2 classifier. */
export interface SwinShape {
  /** Channels of the first stage; each further one has twice as many. */
  readonly embed: number;
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  /** A further norm on the trunk after every so many blocks of a stage; 0 for none. */
  readonly extraNorm: number;
}

/** A stage at a given picture size. */
export interface SwinStage {
  readonly dim: number;
  readonly heads: number;
  readonly depth: number;
  /** Rows, and columns, of the map of tokens. */
  readonly side: number;
  /** Side of a window; never more than the map's. */
  readonly window: number;
  /** Whether channels are merged behind it. */
  readonly merges: boolean;
}

/** What of a configuration decides its size. */
export const swinShape = ({ embedDim, depths, heads, extraNormEvery }: SwinConfig): SwinShape => ({
  embed: embedDim,
  depths,
  heads,
  extraNorm: extraNormEvery,
});

/** The networks of the paper, `swinv2-t` to `swinv2-g`, and `swinv2-giant`. */
export const swinShapes: Readonly<Record<string, SwinShape>> = Object.fromEntries(
  Object.entries(swinVariants).map(([name, options]) => [`swinv2-${name}`, swinShape(swinConfig(options))]),
);

const widthOf = ({ embed }: SwinShape, stage: number): number => embed * 2 ** stage;

/** Learned numbers of a block of d channels with h heads: 12 d^2 + 12 d + 513 h + 1536. */
export const blockParameters = (d: number, h: number): number => 12 * d * d + 12 * d + 513 * h + 1536;

/** Learned numbers of a network with a head for so many classes; without a head for 0. */
export function swinParameters(shape: SwinShape, classes = 1000): number {
  const { embed, depths, heads, extraNorm } = shape;
  const last = widthOf(shape, depths.length - 1);
  const stages = depths.map((depth, i) => {
    const d = widthOf(shape, i);
    const norms = extraNorm > 0 ? Math.floor(depth / extraNorm) * 2 * d : 0;
    const merge = i < depths.length - 1 ? 8 * d * d + 4 * d : 0;
    return depth * blockParameters(d, heads[i]) + norms + merge;
  });
  // The patch convolution, its bias and its norm; the last norm.
  return 51 * embed + 2 * last + (classes > 0 ? (last + 1) * classes : 0) + stages.reduce((a, b) => a + b);
}

/**
 * The stages for square pictures. One window is for all stages, a list has one for each; a map of that size or less is one window.
 * @throws UserError when the side of a map is no whole number.
 */
export function swinStages(shape: SwinShape, imgsz: number, window: number | readonly number[]): SwinStage[] {
  const last = shape.depths.length - 1;
  const step = 4 * 2 ** last;
  if (imgsz % step !== 0) throw new UserError(`imgsz=${imgsz}: a multiple of ${step} expected`);
  return shape.depths.map((depth, i) => {
    const side = imgsz / 4 / 2 ** i;
    const wanted = typeof window === "number" ? window : window[i];
    return {
      dim: widthOf(shape, i),
      heads: shape.heads[i],
      depth,
      side,
      window: Math.min(wanted, side),
      merges: i < last,
    };
  });
}

/** The windows that the paper's networks use for a picture size: up to 640 a sixteenth of it, then 32, in the last stage 16. */
export function usualWindows(imgsz: number): number[] {
  const window = imgsz <= 640 ? Math.max(Math.round(imgsz / 16), 1) : 32;
  return [window, window, window, Math.max(Math.floor(window / 2), 1)];
}
