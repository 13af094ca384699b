import type { Size } from "../boxes.js";
import { rng } from "../rng.js";

/** One picture of a batch: which, and how many times this epoch had it before (its random numbers depend on both). */
export interface PlannedSample {
  readonly index: number;
  readonly repeat: number;
}

/** What a batch is made of. */
export interface BatchPlan {
  readonly epoch: number;
  readonly samples: readonly PlannedSample[];
  /** Height and width of the network input. */
  readonly shape: Size;
}

/** What decides how an epoch is cut into batches. */
export interface PlanOptions {
  readonly imgsz: number;
  readonly batch: number;
  /** Batches of pictures of like aspect, each of its own shape. */
  readonly rect: boolean;
  readonly stride: number;
  /** Added to a batch's shape, in strides (with `rect`). */
  readonly pad: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly seed: number;
}

/** The batches of an epoch, over all pictures or over `indices`; `sizes` is width and height [n, 2]. */
export function planEpoch(
  sizes: Int32Array,
  { epoch, indices, ...options }: PlanOptions & { epoch: number; indices?: readonly number[] },
): BatchPlan[] {
  const { imgsz, batch, rect, shuffle, dropLast, seed } = options;
  const aspect = (index: number) => sizes[2 * index + 1] / sizes[2 * index];
  const order = indices ? [...indices] : Array.from({ length: sizes.length / 2 }, (_, i) => i);
  if (rect) order.sort((a, b) => aspect(a) - aspect(b));
  else if (shuffle) rng(seed, "shuffle", epoch).shuffle(order);
  const samples = countRepeats(order);
  return Array.from({ length: batchCount(samples.length, { batch, dropLast }) }, (_, i) => {
    const part = samples.slice(i * batch, (i + 1) * batch);
    const shape = rect
      ? rectShape(
          part.map(({ index }) => aspect(index)),
          options,
        )
      : { width: imgsz, height: imgsz };
    return { epoch, samples: part, shape };
  });
}

/** How many batches `count` pictures make. */
export function batchCount(count: number, { batch, dropLast }: { batch: number; dropLast: boolean }): number {
  return dropLast ? Math.floor(count / batch) : Math.ceil(count / batch);
}

/** The smallest shape in whole strides that holds pictures of these aspects (height over width), `pad` strides wider. */
export function rectShape(
  aspects: readonly number[],
  { imgsz, stride, pad }: { imgsz: number; stride: number; pad: number },
): Size {
  const [least, most] = [Math.min(...aspects), Math.max(...aspects)];
  const strides = (share: number) => Math.ceil((share * imgsz) / stride + pad) * stride;
  return { width: strides(1 / Math.max(least, 1)), height: strides(Math.min(most, 1)) };
}

function countRepeats(order: readonly number[]): PlannedSample[] {
  const seen = new Map<number, number>();
  return order.map((index) => {
    const repeat = seen.get(index) ?? 0;
    seen.set(index, repeat + 1);
    return { index, repeat };
  });
}
