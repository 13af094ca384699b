import { apply1, type Op } from "../op.js";
import { constant, floats, type Tensor } from "../tensor.js";

const nonMaxSuppressionOp: Op = {
  name: "NonMaxSuppression",
  infer: (_, { most }) => [{ dtype: "int64", shape: [most as number, 3] }],
  onnx: ({ inputs: [boxes, scores], attrs: { most, iou, score } }) => ({
    type: "NonMaxSuppression",
    attributes: { center_point_box: 1 },
    inputs: [
      boxes,
      scores,
      constant({ dtype: "int64", shape: [1], data: BigInt64Array.of(BigInt(most as number)) }),
      floats([iou as number]),
      floats([score as number]),
    ],
  }),
};

export interface SuppressionOptions {
  /** The most boxes of a class. */
  readonly most: number;
  readonly iou: number;
  readonly score: number;
}

/**
 * Rows (picture, class, box) of the boxes [b, n, 4] (cx, cy, w, h) that stay, by their scores [b, classes, n]. How many
 * there are is known when it runs; the shape [most, 3] stands for that.
 */
export const selectBoxes = (boxes: Tensor, scores: Tensor, options: SuppressionOptions): Tensor =>
  apply1(nonMaxSuppressionOp, [boxes, scores], { ...options });

const gatherNdOp: Op = {
  name: "GatherND",
  infer: ([x, index]) => [
    { dtype: x.dtype, shape: [...index.shape.slice(0, -1), ...x.shape.slice(index.shape[index.shape.length - 1])] },
  ],
  onnx: () => ({ type: "GatherND" }),
};

/** The entries of x at the index tuples [n, k] of its first k axes. No gradient. */
export const gatherNd = (x: Tensor, index: Tensor): Tensor => apply1(gatherNdOp, [x, index]);

export { gatherNdOp, nonMaxSuppressionOp };
