import { constant, gather, mul, relu, reshape, scalar, sigmoid, type Tensor, transpose } from "../../graph/index.js";
import { truncatedNormalInit } from "../init.js";
import { linear, type Pair } from "../layers/basic.js";
import { type Children, derived, leaf, type Param, parameter } from "../module.js";
import type { PositionBias } from "./config.js";
import { relativeCoordsTable, relativePositionIndex } from "./window.js";

/** What the position bias of a window rests on and does not learn; blocks of a stage share it. */
export interface BiasTables {
  readonly window: Pair;
  /** Offsets [1, 2h - 1, 2w - 1, 2]; a learned table needs none. */
  readonly coords?: Param;
  /** The row of each pair of tokens in the table: [n, n]. */
  readonly index: Param;
  /** The same as a constant [n * n]. */
  readonly pairs: Tensor;
}

/** Tables for a window; `pretrained` is the window that the network of the bias was first trained with, [0, 0]: this one. */
export function biasTables(window: Pair, pretrained: Pair = [0, 0], kind: PositionBias = "log"): BiasTables {
  const index = relativePositionIndex(window);
  return {
    window,
    coords: kind === "table" ? undefined : derived(relativeCoordsTable(window, pretrained, kind)),
    index: derived(index),
    pairs: constant({ ...index, shape: [index.data.length] }),
  };
}

/** The bias of every head and pair of tokens [heads, n, n], and what it learns. */
export interface BiasModule {
  readonly children: Children;
  readonly make: () => Tensor;
}

/** 16 sigmoid(mlp(offset)) for each pair of tokens: Swin V2 paper, 3.3. */
export function continuousBias(heads: number, tables: BiasTables): BiasModule {
  const relative_coords_table = tables.coords as Param;
  const mlp = [linear(2, 512), linear(512, heads, { bias: false })];
  const rectify = leaf(relu);
  return {
    children: {
      relative_coords_table,
      relative_position_index: tables.index,
      cpb_mlp: { children: { 0: mlp[0], 1: rectify, 2: mlp[1] } },
    },
    make: () => {
      const offsets = reshape(relative_coords_table.tensor, [-1, 2]);
      return ofPairs(mul(sigmoid(mlp[1](rectify(mlp[0](offsets)))), scalar(16)), tables);
    },
  };
}

/** A learned number for each head and offset: Swin V1 paper, 3.2. */
export function tableBias(heads: number, tables: BiasTables): BiasModule {
  const [h, w] = tables.window;
  const table = parameter([(2 * h - 1) * (2 * w - 1), heads], truncatedNormalInit(0.02));
  return {
    children: { relative_position_bias_table: table, relative_position_index: tables.index },
    make: () => ofPairs(table.tensor, tables),
  };
}

// Values [offsets, heads] to [heads, n, n].
function ofPairs(values: Tensor, { window: [h, w], pairs }: BiasTables): Tensor {
  return reshape(transpose(gather(values, pairs), [1, 0]), [values.shape[1], h * w, h * w]);
}
