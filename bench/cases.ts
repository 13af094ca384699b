import { UserError } from "swinyolo/data";

/** What is timed: one model at one shape of batch, training or inference. */
export interface Case {
  readonly kind: "train" | "inference";
  /** A model file, or the name of one that we ship. */
  readonly model: string;
  readonly batch: number;
  /** Side of the square pictures, in pixels. */
  readonly size: number;
}

/** As it is written on the command line and in tables: `yolov5s 4x320`. */
export const caseName = ({ model, batch, size }: Case): string => `${model} ${batch}x${size}`;

/** Cases of all models at all shapes such as `4x320`. */
export function casesOf(kind: Case["kind"], models: readonly string[], shapes: readonly string[]): Case[] {
  return models.flatMap((model) => shapes.map((shape) => ({ kind, model, ...parseShape(shape) })));
}

function parseShape(shape: string): { batch: number; size: number } {
  const [, batch, size] = shape.match(/^([1-9]\d*)x([1-9]\d*)$/) ?? [];
  if (!batch) throw new UserError(`case ${shape}: expected BATCHxSIZE, such as 4x320`);
  if (Number(size) % 32 !== 0) throw new UserError(`case ${shape}: the size must be a multiple of 32`);
  return { batch: Number(batch), size: Number(size) };
}
