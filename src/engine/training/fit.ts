import { UserError } from "../../errors/index.js";
import { checkpointBlocks } from "../../graph/index.js";
import { countFlops, type DetectionModel } from "../../nn/index.js";
import { estimateTraining, type MemoryCase, planningStep } from "./memory.js";
import type { Recompute } from "./steps.js";

/** What is asked for; what is left out may be chosen. */
export interface Wish {
  readonly model: DetectionModel;
  /** Bytes that training may take. */
  readonly limit: number;
  /** Where the limit comes from, for messages. */
  readonly source: string;
  readonly nominalBatch: number;
  readonly batch?: number;
  readonly nominalSize: number;
  readonly imgsz?: number;
  /** "auto" may compute again what it must. */
  readonly recompute: Recompute | "auto";
  readonly optimizer: MemoryCase["optimizer"];
  readonly workers: number;
}

export interface Fit {
  readonly batch: number;
  readonly imgsz: number;
  readonly recompute: Recompute;
  readonly bytes: number;
  /** Compiled shapes that may be kept: a second for the last batch of an epoch, which is smaller, where it fits too. */
  readonly keep: 1 | 2;
}

/**
 * The first plan that fits, in this order: as asked for; with layers computed again, as few as will do; with half the batch,
 * a quarter, ... (gradients still add up to nbs); and last with smaller pictures. Only what was left open is changed.
 * @throws UserError when none fits: the estimate, the memory there is, and what would fit.
 */
export function fitMemory(wish: Wish): Fit {
  const { nominalBatch, batch, nominalSize, imgsz, recompute, limit } = wish;
  const batches = batch === undefined ? halves(nominalBatch) : [batch];
  const sizes = imgsz === undefined ? smaller(nominalSize, wish.model.stride) : [imgsz];
  for (const size of sizes) {
    for (const number of size === sizes[0] ? batches : [batches[batches.length - 1]]) {
      const fit = fitted(wish, { batch: number, imgsz: size, recompute });
      if (fit) return fit;
    }
  }
  throw new UserError(tooLarge(wish, { batch: batches[0], imgsz: sizes[0] }, limit));
}

const halves = (batch: number): number[] =>
  Array.from({ length: Math.floor(Math.log2(batch)) + 1 }, (_, i) => Math.floor(batch / 2 ** i));

const smaller = (size: number, stride: number): number[] =>
  [1, 0.75, 0.5, 0.25].map((part) => Math.max(Math.round((size * part) / stride) * stride, 2 * stride));

type Choice = Pick<Fit, "batch" | "imgsz"> & { readonly recompute: Recompute | "auto" };

function fitted(wish: Wish, { batch, imgsz, recompute }: Choice): Fit | undefined {
  const plan = (how: Recompute): Fit => {
    const { total, step } = estimateOf(wish, { batch, imgsz, recompute: how });
    const both = total + step <= wish.limit;
    return { batch, imgsz, recompute: how, bytes: both ? total + step : total, keep: both ? 2 : 1 };
  };
  const first = plan(recompute === "auto" ? "none" : recompute);
  if (first.bytes <= wish.limit) return first;
  if (recompute !== "auto" || plan("row").bytes > wish.limit) return undefined;
  return fewest(wish, [batch, wish.model.ch, imgsz, imgsz], plan);
}

const estimateOf = (
  { model, optimizer, workers }: Wish,
  { batch, imgsz, recompute }: Pick<Fit, "batch" | "imgsz" | "recompute">,
) => estimateTraining({ model, batch, imgsz: [imgsz, imgsz], recompute, optimizer, workers });

const bytesOf = (wish: Wish, batch: number, imgsz: number, recompute: Recompute): number =>
  estimateOf(wish, { batch, imgsz, recompute }).total;

// Blocks in the order of what they save for their arithmetic; the shortest head of that list that fits.
function fewest({ model, limit }: Wish, images: readonly number[], plan: (how: Recompute) => Fit): Fit {
  const { graph, blocks } = checkpointBlocks(planningStep(model, images, "none").graph);
  const worth = new Map(
    blocks.map((block) => [
      block.number,
      block.kept / (countFlops(graph, { counts: (node) => block.nodes.has(node) }) + block.kept),
    ]),
  );
  const order = blocks.map(({ number }) => number).sort((a, b) => worth.get(b)! - worth.get(a)!);
  let [low, best] = [1, plan("row")];
  for (let high = order.length; low <= high; ) {
    const middle = Math.floor((low + high) / 2);
    const fit = plan(order.slice(0, middle).sort((a, b) => a - b));
    if (fit.bytes <= limit) [best, high] = [fit, middle - 1];
    else low = middle + 1;
  }
  return best;
}

function tooLarge(wish: Wish, { batch, imgsz }: { batch: number; imgsz: number }, limit: number): string {
  const how = wish.recompute === "auto" ? "row" : wish.recompute;
  const bytes = bytesOf(wish, batch, imgsz, how);
  const ways = [`memory=${gigabytes(bytes * 1.02).replace(" ", "")}`];
  const row = bytesOf(wish, batch, imgsz, "row");
  if (how !== "row" && row <= limit) ways.push("recompute=row");
  const less = halves(batch).find((number) => bytesOf(wish, number, imgsz, how) <= limit);
  if (less !== undefined) ways.push(`batch=${less}`);
  const size = smaller(imgsz, wish.model.stride).find((side) => bytesOf(wish, batch, side, how) <= limit);
  if (size !== undefined) ways.push(`imgsz=${size}`);
  return `training with batch=${batch} imgsz=${imgsz}${how === "none" ? "" : ` recompute=${String(how)}`} takes about ${gigabytes(bytes)}, ${wish.source} is ${gigabytes(limit)}; what would do: ${ways.join(", ")}`;
}

/** `1.25 GB` or `300 MB` */
export const gigabytes = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
