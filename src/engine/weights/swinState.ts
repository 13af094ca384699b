import { UserError } from "../../errors/index.js";
import { type HostArray, hostArray, toFloat32 } from "../../graph/index.js";
import type { SwinOptions } from "../../nn/index.js";
import { rowsOfImageNet1k } from "./imagenet22k.js";
import { resizedTable } from "./resizedTable.js";
import type { Wanted } from "./transfer.js";

type Tensors = ReadonlyMap<string, HostArray>;

/** Whether a tensor follows from sizes and is made anew: tables, indices and masks. */
export const isSwinBuffer = (name: string): boolean =>
  /(relative_coords_table|relative_position_index|attn_mask)$/.test(name);

/** What of a configuration the tensors of a file tell, under their official names. */
export interface SwinShape {
  readonly options: Pick<SwinOptions, "embedDim" | "depths"> & Partial<SwinOptions>;
  readonly classes: number;
}

/**
 * The configuration that a file's tensors have, as far as they tell.
 * @throws UserError where they are no whole Swin Transformer.
 */
export function shapeOfSwin(tensors: Tensors): SwinShape {
  const shape = (name: string): readonly number[] => {
    const found = tensors.get(name)?.shape;
    if (!found) throw new UserError(`a Swin Transformer without ${name}`);
    return found;
  };
  const [embedDim, channels, patch] = shape("patch_embed.proj.weight");
  const depths = depthsOf(tensors);
  const attn = (stage: number, name: string) => `layers.${stage}.blocks.0.attn.${name}`;
  const stages = depths.map((_, i) => i);
  const isV2 = tensors.has(attn(0, "logit_scale"));
  const table = tensors.get(attn(0, "relative_position_bias_table"));
  const heads = stages.map((i) =>
    isV2 ? shape(attn(i, "logit_scale"))[0] : shape(attn(i, "relative_position_bias_table"))[1],
  );
  const [hidden, dim] = shape("layers.0.blocks.0.mlp.fc1.weight");
  const tables = stages.map((i) => tensors.get(attn(i, "relative_coords_table")));
  const known = tables.every((one) => one !== undefined) ? tables.map(scalesOf) : undefined;
  const windows =
    known?.map(({ window }) => window) ??
    windowsOfIndex(
      tensors,
      stages.map((i) => attn(i, "relative_position_index")),
    );
  const grid = firstGrid(tensors, windows);
  const merge = tensors.get("layers.0.downsample.norm.weight")?.shape[0] ?? (isV2 ? 2 : 4) * embedDim;
  return {
    options: {
      embedDim,
      depths,
      heads,
      channels,
      patch,
      mlpRatio: hidden / dim,
      attention: isV2 ? "cosine" : "dot",
      bias: table ? "table" : "log",
      norm: merge === 4 * embedDim ? "pre" : "res-post",
      extraNormEvery: extraNorms(tensors),
      absolutePosition: tensors.has("absolute_pos_embed"),
      patchNorm: tensors.has("patch_embed.norm.weight"),
      ...(windows && { window: windows }),
      ...(grid && { imageSize: grid * patch }),
      ...(known && { pretrainedWindow: known.map(({ window, trained }) => (trained === window ? 0 : trained)) }),
    },
    classes: tensors.get("head.weight")?.shape[0] ?? 0,
  };
}

function depthsOf(tensors: Tensors): number[] {
  const depths: number[] = [];
  for (const name of tensors.keys()) {
    const [, stage, block] = /^layers\.(\d+)\.blocks\.(\d+)\.norm1\.weight$/.exec(name) ?? [];
    if (stage !== undefined) depths[Number(stage)] = Math.max(depths[Number(stage)] ?? 0, Number(block) + 1);
  }
  if (depths.length === 0 || Array.from(depths).includes(undefined as never))
    throw new UserError("a Swin Transformer with a stage missing");
  return depths;
}

// The first block that has one more norm says how often.
function extraNorms(tensors: Tensors): number {
  const blocks = [...tensors.keys()].map((name) => /\.blocks\.(\d+)\.enorm\.weight$/.exec(name)?.[1]);
  const found = blocks.filter((block) => block !== undefined).map(Number);
  return found.length > 0 ? Math.min(...found) + 1 : 0;
}

// Offsets end at log2(8 (window - 1) / (trained - 1) + 1) / 3.
function scalesOf(table: HostArray): { window: number; trained: number } {
  const window = (table.shape[1] + 1) / 2;
  const values = toFloat32(table);
  const last = values[values.length - 1];
  const trained = window > 1 ? Math.round((8 * (window - 1)) / (2 ** (3 * last) - 1)) + 1 : 1;
  return { window, trained };
}

function windowsOfIndex(tensors: Tensors, names: readonly string[]): number[] | undefined {
  const sides = names.map((name) => {
    const size = tensors.get(name)?.shape.reduce((a, b) => a * b, 1);
    return size === undefined ? undefined : Math.round(size ** 0.25);
  });
  return sides.every((side) => side !== undefined) ? sides : undefined;
}

// Rows of the first stage's grid: the mask has an entry for each window; a single window is the grid.
function firstGrid(tensors: Tensors, windows: readonly number[] | undefined): number | undefined {
  if (!windows) return undefined;
  const masked = windows.findIndex((_, i) => tensors.has(`layers.${i}.blocks.1.attn_mask`));
  if (masked >= 0) {
    const [count] = tensors.get(`layers.${masked}.blocks.1.attn_mask`)?.shape ?? [];
    return Math.round(Math.sqrt(count)) * windows[masked] * 2 ** masked;
  }
  return windows[0];
}

/** What became of a classifier's head. */
export type HeadChange = "kept" | "ImageNet-22K to 1K" | "new";

/**
 * A file's tensors for a model: buffers left out, tables of positions resized, the head's rows chosen for the model's classes
 * or left out.
 */
export function fitSwin(
  tensors: Tensors,
  { classes, wanted }: { classes: number; wanted: ReadonlyMap<string, Wanted> },
): { tensors: Map<string, HostArray>; head: HeadChange } {
  const had = tensors.get("head.weight")?.shape[0] ?? 0;
  const head = had === classes ? "kept" : had === 21841 && classes === 1000 ? "ImageNet-22K to 1K" : "new";
  const fitted = new Map<string, HostArray>();
  for (const [name, tensor] of tensors) {
    if (isSwinBuffer(name)) continue;
    if (name.startsWith("head.")) {
      if (head === "kept") fitted.set(name, tensor);
      if (head === "ImageNet-22K to 1K") fitted.set(name, chosenRows(tensor, rowsOfImageNet1k));
      continue;
    }
    const shape = wanted.get(name)?.shape;
    const isTable = /(^|\.)(absolute_pos_embed|relative_position_bias_table)$/.test(name);
    fitted.set(name, isTable && shape ? resizedTable(tensor, shape) : tensor);
  }
  return { tensors: fitted, head };
}

function chosenRows(tensor: HostArray, rows: readonly number[]): HostArray {
  const width = tensor.data.length / tensor.shape[0];
  const all = toFloat32(tensor);
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(all.subarray(row * width, (row + 1) * width), i * width);
  return hostArray("float32", [rows.length, ...tensor.shape.slice(1)], data);
}
