import {
  add,
  concat,
  conv,
  floats,
  hostArray,
  mul,
  reshape,
  scalar,
  sigmoid,
  slice,
  square,
  type Tensor,
  transpose,
} from "../../graph/index.js";
import { kaimingInit, uniformInit } from "../init.js";
import { buffer, list, type Module, module, type Param, parameter } from "../module.js";

/** A YOLOv5 detection head. */
export interface DetectHead {
  /** Maps [b, c, h, w] of every level to raw predictions [b, anchors, h, w, 5 + classes]. */
  readonly module: Module<(xs: readonly Tensor[]) => Tensor[]>;
  readonly nc: number;
  /** Anchors a level. */
  readonly na: number;
  /** Numbers a prediction: x, y, w, h, objectness, classes. */
  readonly no: number;
  readonly strides: readonly number[];
  /** Anchors [levels, na, 2] in units of the stride. */
  readonly anchors: Param;
  /** Raw predictions as rows [b, n, 5 + classes]: centre and size in pixels, objectness and scores from 0 to 1. */
  decode(maps: readonly Tensor[]): Tensor;
}

export interface DetectOptions {
  readonly nc: number;
  /** w, h, w, h, ... in pixels for every level. */
  readonly anchors: readonly (readonly number[])[];
  /** Widths of the levels. */
  readonly ch: readonly number[];
  readonly strides: readonly number[];
}

/** A coupled, anchor-based head: one 1 x 1 convolution a level. */
export function detectHead({ nc, anchors: pixels, ch, strides }: DetectOptions): DetectHead {
  const no = nc + 5;
  const na = pixels[0].length / 2;
  const grid = pixels.flatMap((level, l) => level.map((side) => side / strides[l]));
  const anchors = buffer(hostArray("float32", [pixels.length, na, 2], Float32Array.from(grid)));
  const convs = ch.map((c, l) => predictionConv(c, { nc, na, stride: strides[l] }));
  const forward = (xs: readonly Tensor[]) =>
    xs.map((x, l) => {
      const [b, , h, w] = x.shape;
      return transpose(reshape(convs[l](x), [b, na, no, h, w]), [0, 1, 3, 4, 2]);
    });
  return {
    module: module({ anchors, m: list(convs) }, forward),
    nc,
    na,
    no,
    strides,
    anchors,
    decode: (maps) =>
      concat(
        maps.map((map, l) => decodeLevel(map, levelAnchors(anchors.tensor, l), strides[l])),
        1,
      ),
  };
}

const levelAnchors = (anchors: Tensor, level: number): Tensor =>
  reshape(slice(anchors, { axes: [0], starts: [level], ends: [level + 1] }), [1, anchors.shape[1], 1, 1, 2]);

// xy = (2 sigmoid - 0.5 + cell) * stride;  wh = (2 sigmoid)^2 * anchor * stride
function decodeLevel(map: Tensor, anchors: Tensor, stride: number): Tensor {
  const [b, na, h, w, no] = map.shape;
  const y = sigmoid(map);
  const columns = (from: number, to: number) => slice(y, { axes: [4], starts: [from], ends: [to] });
  const cells = Float32Array.from({ length: h * w * 2 }, (_, i) => {
    const cell = i >> 1;
    return ((i % 2 === 0 ? cell % w : Math.floor(cell / w)) - 0.5) * stride;
  });
  const xy = add(mul(columns(0, 2), scalar(2 * stride)), floats(cells, [1, 1, h, w, 2]));
  const wh = mul(square(columns(2, 4)), mul(anchors, scalar(4 * stride)));
  return reshape(concat([xy, wh, columns(4, no)], 4), [b, na * h * w, no]);
}

// The 1 x 1 convolution of a level; its biases start at the odds of an object (8 a picture of 640 x 640) and of a class.
function predictionConv(from: number, { nc, na, stride }: { nc: number; na: number; stride: number }): Module {
  const no = nc + 5;
  const weight = parameter([na * no, from, 1, 1], kaimingInit);
  const bias = parameter([na * no], (shape, random) => {
    const start = uniformInit(1 / Math.sqrt(from))(shape, random);
    for (let a = 0; a < na; a++) {
      start[a * no + 4] += Math.log(8 / (640 / stride) ** 2);
      for (let c = 0; c < nc; c++) start[a * no + 5 + c] += Math.log(0.6 / (nc - 0.99999));
    }
    return start;
  });
  return module({ weight, bias }, (x: Tensor) => conv(x, weight.tensor, { bias: bias.tensor }));
}
