import { UserError } from "../../errors/index.js";
import {
  batchNorm as batchNormalise,
  conv,
  convTranspose,
  layerNorm as layerNormalise,
  linear as linearProduct,
  type Tensor,
} from "../../graph/index.js";
import { constantInit, fanIn, kaimingInit, uniformInit } from "../init.js";
import { filled, type Module, module, parameter } from "../module.js";

export type Pair = readonly [number, number];

/** A number for both axes, or one for each (rows, columns). */
export type Size = number | readonly number[];

/** Rows and columns of a size. */
export const pair = (size: Size): Pair => (typeof size === "number" ? [size, size] : [size[0], size[1] ?? size[0]]);

export interface Conv2dOptions {
  readonly kernel?: Size;
  readonly stride?: Size;
  readonly padding?: Size;
  readonly dilation?: Size;
  readonly groups?: number;
  readonly bias?: boolean;
}

/** A convolution with its kernel `weight` [to, from / groups, kh, kw] and `bias` [to]. */
export function conv2d(from: number, to: number, options: Conv2dOptions = {}): Module {
  const { kernel = 1, stride = 1, padding = 0, dilation = 1, groups = 1, bias: biased = true } = options;
  checkWidths(from, to, groups);
  const shape = [to, from / groups, ...pair(kernel)];
  const weight = parameter(shape, kaimingInit);
  const bias = biased ? parameter([to], uniformInit(1 / Math.sqrt(fanIn(shape)))) : undefined;
  const [ph, pw] = pair(padding);
  return module({ weight, bias }, (x: Tensor) =>
    conv(x, weight.tensor, {
      strides: pair(stride),
      pads: [ph, pw, ph, pw],
      dilations: pair(dilation),
      group: groups,
      bias: bias?.tensor,
    }),
  );
}

function checkWidths(from: number, to: number, groups: number): void {
  if (from < 1 || to < 1) throw new UserError(`a convolution from ${from} to ${to} channels`);
  if (from % groups === 0 && to % groups === 0) return;
  throw new UserError(`got ${groups} groups, expected a number that divides the widths ${from} and ${to}`);
}

export interface ConvTranspose2dOptions extends Conv2dOptions {
  readonly outputPadding?: Size;
}

/** A transposed convolution with `weight` [from, to / groups, kh, kw] and `bias` [to]. */
export function convTranspose2d(from: number, to: number, options: ConvTranspose2dOptions = {}): Module {
  const {
    kernel = 1,
    stride = 1,
    padding = 0,
    dilation = 1,
    groups = 1,
    bias: biased = true,
    outputPadding = 0,
  } = options;
  checkWidths(from, to, groups);
  const shape = [from, to / groups, ...pair(kernel)];
  const weight = parameter(shape, kaimingInit);
  const bias = biased ? parameter([to], uniformInit(1 / Math.sqrt(fanIn(shape)))) : undefined;
  const [ph, pw] = pair(padding);
  return module({ weight, bias }, (x: Tensor) =>
    convTranspose(x, weight.tensor, {
      strides: pair(stride),
      pads: [ph, pw, ph, pw],
      dilations: pair(dilation),
      outputPadding: pair(outputPadding),
      group: groups,
      bias: bias?.tensor,
    }),
  );
}

/** Batch normalisation with YOLOv5's epsilon 1e-3 and momentum 0.03. */
export function batchNorm2d(channels: number, { epsilon = 1e-3, momentum = 0.03 } = {}): Module {
  const weight = parameter([channels], constantInit(1), { norm: true });
  const bias = parameter([channels], constantInit(0));
  const running_mean = filled([channels], 0);
  const running_var = filled([channels], 1);
  const num_batches_tracked = filled([], 0, "int64");
  const state = { weight: weight.tensor, bias: bias.tensor, mean: running_mean.tensor, variance: running_var.tensor };
  return module({ weight, bias, running_mean, running_var, num_batches_tracked }, (x: Tensor) =>
    batchNormalise(x, state, { epsilon, momentum }),
  );
}

/** `countedRows`: rows for a count of operations where padding is left out of the product. */
export type Linear = Module<(x: Tensor, countedRows?: number) => Tensor>;

/** x W^T + b over the last axis; `weight` [to, from]. */
export function linear(from: number, to: number, { bias: biased = true } = {}): Linear {
  const weight = parameter([to, from], kaimingInit);
  const bias = biased ? parameter([to], uniformInit(1 / Math.sqrt(from))) : undefined;
  return module({ weight, bias }, (x: Tensor, countedRows?: number) =>
    linearProduct(x, weight.tensor, { bias: bias?.tensor, countedRows }),
  );
}

/** Layer normalisation over the last axis; its weights begin at `start`. */
export function layerNorm(channels: number, { epsilon = 1e-5, start = 1 } = {}): Module {
  const weight = parameter([channels], constantInit(start), { norm: true });
  const bias = parameter([channels], constantInit(0));
  return module({ weight, bias }, (x: Tensor) => layerNormalise(x, weight.tensor, bias.tensor, { epsilon }));
}

/**
 * Numbers that each head of an attention gets.
 * @throws UserError where the width does not divide.
 */
export function headWidth(dim: number, heads: number): number {
  if (heads < 1 || dim % heads) throw new UserError(`a width of ${dim} does not divide among ${heads} heads`);
  return dim / heads;
}
