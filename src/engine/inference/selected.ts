import {
  add,
  cast,
  concat,
  equal,
  gatherNd,
  mul,
  reduceMax,
  reshape,
  scalar,
  selectBoxes,
  slice,
  sub,
  type Tensor,
  transpose,
} from "../../graph/index.js";

export interface SelectOptions {
  readonly conf: number;
  readonly iou: number;
  /** The most boxes of a class. */
  readonly maxDet: number;
}

/**
 * Non-maximum suppression as part of a graph: decoded rows [b, n, 5 + classes] to rows of picture, x1, y1, x2, y2,
 * confidence, class for the boxes that stay; each box counts for its best class alone.
 */
export function selectedRows(rows: Tensor, { conf, iou, maxDet }: SelectOptions): Tensor {
  const width = rows.shape[2];
  const columns = (from: number, to: number) => slice(rows, { axes: [2], starts: [from], ends: [to] });
  const boxes = columns(0, 4); // cx, cy, w, h
  const all = mul(columns(5, width), columns(4, 5)); // [b, n, classes]
  const best = mul(all, cast(equal(all, reduceMax(all, { axes: [2], keepDims: true })), "float32"));
  const scores = transpose(best, [0, 2, 1]); // [b, classes, n]
  const chosen = selectBoxes(boxes, scores, { most: maxDet, iou, score: conf }); // picture, class, box
  const index = (i: number) => slice(chosen, { axes: [1], starts: [i], ends: [i + 1] });
  const box = gatherNd(boxes, concat([index(0), index(2)], 1)); // [m, 4]
  const corner = (i: number) => slice(box, { axes: [1], starts: [i], ends: [i + 2] });
  const halfSize = mul(corner(2), scalar(0.5));
  const confidence = gatherNd(scores, chosen); // [m]
  return concat(
    [
      cast(index(0), "float32"),
      sub(corner(0), halfSize),
      add(corner(0), halfSize),
      columnOf(confidence),
      cast(index(1), "float32"),
    ],
    1,
  );
}

// [m] -> [m, 1], m known only when it runs
const columnOf = (x: Tensor): Tensor => reshape(x, [x.shape[0], 1], { written: [-1, 1] });
