import { at, UserError } from "../../errors/index.js";
import { input, type Tensor } from "../../graph/index.js";
import type { ModelConfig } from "./config.js";

type Anchors = readonly (readonly number[])[];

// 256 does for all but very deep models and for strides that are no powers of two.
const sides = [256, 1024, 768, 1280];

/**
 * How many pixels of the picture a pixel of each level stands for, measured on a traced picture; `where` is the head's
 * place.
 * @throws UserError where that is no whole number.
 */
export function measureStrides(
  levels: (x: Tensor) => readonly Tensor[],
  { ch, where }: { ch: number; where: string },
): number[] {
  let failure: unknown;
  for (const side of sides) {
    try {
      const maps = levels(input([1, ch, side, side]));
      return maps.map((map) => at(where, () => strideOf(map, side)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

function strideOf({ shape: [, , height, width] }: Tensor, side: number): number {
  const stride = side / height;
  if (Number.isInteger(stride) && height === width && height > 1) return stride;
  throw new UserError(`a level of ${height} x ${width} for a picture of ${side} x ${side}, expected a whole stride`);
}

/** For every level w, h, w, h, ... in pixels; a number of anchors gives placeholders until they are fitted to the data. */
export function levelAnchors(anchors: ModelConfig["anchors"], levels: number): Anchors {
  if (typeof anchors === "number") {
    return Array.from({ length: levels }, () => Array.from({ length: 2 * anchors }, (_, i) => i));
  }
  if (anchors.length !== levels) {
    throw new UserError(`anchors: got ${anchors.length} levels, expected ${levels}, one for each input`);
  }
  return anchors;
}

/** Anchors grow with the strides; a list in the other order is turned round. */
export function orderAnchors(anchors: Anchors, strides: readonly number[]): Anchors {
  const byArea = Math.sign(meanArea(anchors[anchors.length - 1]) - meanArea(anchors[0]));
  const byStride = Math.sign(strides[strides.length - 1] - strides[0]);
  return byArea !== 0 && byArea !== byStride ? anchors.toReversed() : anchors;
}

function meanArea(level: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < level.length; i += 2) sum += level[i] * level[i + 1];
  return sum / (level.length / 2);
}
