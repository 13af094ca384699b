import {
  bboxIoa,
  boxCandidates,
  boxIou,
  clipBoxes,
  cxcywhnToXyxy,
  cxcywhToXyxy,
  resampleSegment,
  scaleBoxes,
  segmentsToBoxes,
  segmentToBox,
  whIou,
  xyxyToCxcywh,
  xyxyToCxcywhn,
} from "swinyolo/data";
import type { HostArray } from "swinyolo/graph";
import type { GoldenCase, KindRunner } from "../cases.js";

/** Box conversions, segments and overlaps. */
export const kinds: Record<string, KindRunner> = {
  xywhn2xyxy: (c) => {
    const { w, h, padw, padh } = c.args as Record<string, number>;
    return { boxes: like(c, cxcywhnToXyxy(boxes(c), { width: w, height: h }, { padX: padw, padY: padh })) };
  },
  xywh2xyxy: (c) => ({ boxes: like(c, cxcywhToXyxy(boxes(c))) }),
  xyxy2xywh: (c) => ({ boxes: like(c, xyxyToCxcywh(boxes(c))) }),
  xyxy2xywhn: (c) => {
    const { w, h, clip, eps } = c.args as { w: number; h: number; clip: boolean; eps: number };
    return { boxes: like(c, xyxyToCxcywhn(boxes(c), { width: w, height: h }, { clip, eps })) };
  },
  clip_boxes: (c) => ({ boxes: like(c, clipBoxes(boxes(c), size(c.args.shape))) }),
  scale_boxes: (c) => {
    const [ratio, pad] = (c.args.ratio_pad ?? []) as [number, number][];
    const [from, to] = [size(c.args.img1_shape), size(c.args.img0_shape)];
    return { boxes: like(c, scaleBoxes(boxes(c), { from, to, ratio, pad })) };
  },
  segments2boxes: (c) => {
    const segments = c.list("segments").map(floats);
    return { boxes: rows(segmentsToBoxes(segments), segments.length, 4) };
  },
  resample_segments: (c) => {
    const n = c.args.n as number;
    return { segment: rows(resampleSegment(floats(c.list("segments")[0]), n), n, 2) };
  },
  segment2box: (c) => {
    const { width, height, input_scale, input_offset } = c.args as Record<string, number | number[]>;
    const moved = floats(c.array("segment")).map((x, i) => x * axis(input_scale, i) + axis(input_offset, i));
    const box = segmentToBox(moved, { width: Number(width), height: Number(height) });
    return { box: { dtype: "float32", shape: [4], data: box } };
  },
  box_iou: (c) => {
    const [a, b] = [floats(c.array("box1")), floats(c.array("box2"))];
    return { iou: rows(boxIou(a, b, { eps: Number(c.args.eps) }), a.length / 4, b.length / 4) };
  },
  wh_iou: (c) => {
    const [from, to] = c.args.input_columns as [number, number];
    const [a, b] = [columns(c.array("wh1"), from, to), columns(c.array("wh2"), from, to)];
    return { iou: rows(whIou(a, b, { eps: Number(c.args.eps) }), a.length / 2, b.length / 2) };
  },
  bbox_ioa: (c) => {
    const row = Number(c.args.box1_row);
    const [box, others] = [floats(c.array("box1")).subarray(4 * row, 4 * row + 4), floats(c.array("box2"))];
    const ioa = bboxIoa(box, others, { eps: Number(c.args.eps) });
    return { ioa: { dtype: "float32", shape: [ioa.length], data: ioa } };
  },
  box_candidates: (c) => {
    const { wh_thr, ar_thr, area_thr, eps } = c.args as Record<string, number>;
    const [before, after] = [transposed(c.array("box1")), transposed(c.array("box2"))];
    const keep = boxCandidates(before, after, { minSide: wh_thr, maxAspect: ar_thr, minArea: area_thr, eps });
    return { keep: { dtype: "bool", shape: [keep.length], data: keep } };
  },
};

const floats = ({ data }: HostArray): Float32Array => Float32Array.from(data as Float32Array);

const boxes = (c: GoldenCase) => floats(c.array("boxes"));

const like = (c: GoldenCase, data: Float32Array): HostArray => ({
  dtype: "float32",
  shape: c.array("boxes").shape,
  data,
});

const rows = (data: Float32Array, n: number, m: number): HostArray => ({ dtype: "float32", shape: [n, m], data });

function size(shape: unknown): { width: number; height: number } {
  const [height, width] = shape as number[];
  return { width, height };
}

// A number for both axes, or one for each.
const axis = (value: number | number[], i: number) => (typeof value === "number" ? value : value[i % 2]);

function columns({ shape, data }: HostArray, from: number, to: number): Float32Array {
  const width = shape[1];
  return Float32Array.from({ length: shape[0] * (to - from) }, (_, i) => {
    const row = Math.floor(i / (to - from));
    return Number(data[row * width + from + (i % (to - from))]);
  });
}

function transposed({ shape: [n, m], data }: HostArray): Float32Array {
  return Float32Array.from({ length: n * m }, (_, i) => Number(data[(i % n) * m + Math.floor(i / n)]));
}
