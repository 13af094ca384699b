import {
  add,
  cast,
  concat,
  equal,
  floats,
  full,
  gather,
  input,
  max,
  mul,
  neg,
  pow,
  reduceMean,
  reduceSum,
  reshape,
  scalar,
  scatter,
  sigmoid,
  sizeOf,
  slice,
  softplus,
  square,
  stopGradient,
  sub,
  type Tensor,
} from "../../graph/index.js";
import { boxIou } from "./iou.js";

/** Gains and options of the detection loss, as in a hyp file. */
export interface LossOptions {
  readonly box: number;
  readonly obj: number;
  readonly cls: number;
  readonly obj_pw: number;
  readonly cls_pw: number;
  /** Focal loss where over 0. */
  readonly fl_gamma: number;
  readonly fl_alpha?: number;
  readonly label_smoothing: number;
}

/** The inputs of the loss for one level: assigned targets padded to `capacity` rows (see assign.ts). */
export interface LevelTargets {
  readonly cell: Tensor;
  readonly objectCell: Tensor;
  readonly boxes: Tensor;
  readonly anchors: Tensor;
  readonly classes: Tensor;
  readonly weight: Tensor;
}

/** Placeholders for the targets of a level. */
export const levelTargets = (capacity: number): LevelTargets => ({
  cell: input([capacity], { dtype: "int32" }),
  objectCell: input([capacity], { dtype: "int32" }),
  boxes: input([capacity, 4]),
  anchors: input([capacity, 2]),
  classes: input([capacity], { dtype: "int32" }),
  weight: input([capacity]),
});

export interface LossTensors {
  /** (box + obj + cls) * batch: []. */
  readonly loss: Tensor;
  /** box, obj, cls after their gains, without the batch: [3]. */
  readonly parts: Tensor;
  /** Objectness loss of every level before balance and gain: [levels]. */
  readonly levels: Tensor;
}

/** Weights of the levels in the objectness loss, smallest stride first. */
export const defaultBalance = (levels: number): number[] =>
  levels === 3 ? [4, 1, 0.4] : [4, 1, 0.25, 0.06, 0.02].slice(0, levels);

/**
 * YOLOv5's detection loss on raw maps [b, anchors, h, w, 5 + classes]: CIoU for boxes, BCE for objectness (its target the
 * CIoU, without gradient) and for classes; `balance` [levels] weighs the levels' objectness.
 */
export function yolov5Loss(
  maps: readonly Tensor[],
  targets: readonly LevelTargets[],
  { balance, options }: { balance: Tensor; options: LossOptions },
): LossTensors {
  const parts = maps.map((map, i) => levelLoss(map, targets[i], options));
  const sum = (values: readonly Tensor[]) => values.reduce((total, value) => add(total, value));
  const levels = concat(
    parts.map(({ obj }) => reshape(obj, [1])),
    0,
  );
  const box = mul(sum(parts.map((part) => part.box)), scalar(options.box));
  const obj = mul(reduceSum(mul(levels, balance)), scalar(options.obj));
  const cls = mul(sum(parts.map((part) => part.cls)), scalar(options.cls));
  const batch = maps[0].shape[0];
  return {
    loss: mul(add(add(box, obj), cls), scalar(batch)),
    parts: concat(
      [box, obj, cls].map((part) => reshape(part, [1])),
      0,
    ),
    levels,
  };
}

function levelLoss(map: Tensor, t: LevelTargets, options: LossOptions): { box: Tensor; obj: Tensor; cls: Tensor } {
  const no = map.shape[4];
  const nc = no - 5;
  const rows = gather(reshape(map, [-1, no]), t.cell); // [capacity, no]
  const columns = (from: number, to: number) => slice(rows, { axes: [1], starts: [from], ends: [to] });
  const xy = sub(mul(sigmoid(columns(0, 2)), scalar(2)), scalar(0.5));
  const wh = mul(square(mul(sigmoid(columns(2, 4)), scalar(2))), t.anchors);
  const iou = reshape(boxIou(concat([xy, wh], 1), t.boxes, { kind: "CIoU" }), [-1]); // [capacity]
  const weighted = (loss: Tensor) => reduceSum(mul(loss, t.weight));
  const objectness = slice(map, { axes: [4], starts: [4], ends: [5] });
  const cells = sizeOf(objectness.shape);
  const score = max(iou, scalar(0));
  // The objectness target carries no gradient.
  const written = stopGradient(scatter(full([cells + 1], 0), t.objectCell, score));
  const wanted = slice(written, { axes: [0], starts: [0], ends: [cells] });
  return {
    box: weighted(sub(scalar(1), iou)),
    obj: reduceMean(bce(reshape(objectness, [cells]), wanted, options.obj_pw, options)),
    cls:
      nc === 1
        ? scalar(0)
        : weighted(
            reduceMean(bce(columns(5, no), oneHot(t.classes, nc, options.label_smoothing), options.cls_pw, options), {
              axes: [1],
            }),
          ),
  };
}

// 1 - e / 2 at the class, e / 2 elsewhere: [rows, nc]
function oneHot(classes: Tensor, nc: number, smoothing: number): Tensor {
  const numbers = floats(
    Array.from({ length: nc }, (_, i) => i),
    [1, nc],
  );
  const hot = cast(equal(reshape(cast(classes, "float32"), [-1, 1]), numbers), "float32");
  return smoothing === 0 ? hot : add(mul(hot, scalar(1 - smoothing)), scalar(smoothing / 2));
}

/**
 * Binary cross-entropy on logits, element by element: (1 - t) x + (1 + (pw - 1) t) softplus(-x), and focal where
 * `fl_gamma` is over 0: times (alpha t + (1 - alpha)(1 - t)) (1 - p_t)^gamma.
 */
function bce(
  x: Tensor,
  t: Tensor,
  positiveWeight: number,
  { fl_gamma: gamma, fl_alpha: alpha = 0.25 }: LossOptions,
): Tensor {
  const plain =
    positiveWeight === 1
      ? sub(softplus(x), mul(x, t))
      : add(mul(sub(scalar(1), t), x), mul(add(mul(t, scalar(positiveWeight - 1)), scalar(1)), softplus(neg(x))));
  if (gamma <= 0) return plain;
  const p = sigmoid(x);
  // 1 - p_t = t + p - 2 t p
  const miss = sub(add(t, p), mul(mul(t, p), scalar(2)));
  const side = add(mul(t, scalar(2 * alpha - 1)), scalar(1 - alpha));
  return mul(plain, mul(side, pow(miss, gamma)));
}

/** New level weights for autobalance: pulled towards 1 / loss of the level, relative to that of stride 16. */
export function autobalance(
  balance: readonly number[],
  levelLosses: ArrayLike<number>,
  strides: readonly number[],
): number[] {
  const next = balance.map((b, i) => 0.9999 * b + 0.0001 / levelLosses[i]);
  const reference = next[strides.indexOf(16)] ?? next[0];
  return next.map((b) => b / reference);
}
