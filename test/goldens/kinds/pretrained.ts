import { decodePicture, letterbox, mirrorPicture, type Picture } from "swinyolo/data";
import { bindWeights, type Decodable, type NmsOptions, nonMaxSuppression, toPlanes } from "swinyolo/engine";
import {
  cast,
  compile,
  type Graph,
  graph,
  type HostArray,
  hostArray,
  inference,
  input,
  mul,
  scalar,
  toFloat32,
  useRunningStatistics,
} from "swinyolo/graph";
import { buildModel, paramInputs } from "swinyolo/nn";
import { runtime } from "../../runtime.js";
import type { GoldenCase, KindRunner, Plain, Results } from "../cases.js";
import { weightsFor } from "../program.js";

/** A trained network on photographs: from the stored input, and from the JPEG. */
export const kinds: Record<string, KindRunner> = { predict_tensor: runTensor, predict_photograph: runPhotograph };

interface Output {
  readonly rows: HostArray;
  readonly maps: readonly HostArray[];
}

async function runTensor(c: GoldenCase): Promise<Results> {
  const x = c.array("x");
  const images = x.shape.length === 3 ? hostArray("uint8", [1, ...x.shape], x.data) : x;
  const { eval: whole, fused } = await forward(c, images);
  const at = (name: string) => takeRows(whole.rows, Array.from(c.array(name).data, Number));
  const column = (from: number, to = from + 1) => columns(whole.rows, from, to);
  return {
    top_rows: at("top_index"),
    even_rows: at("even_index"),
    output_shape: whole.rows.shape,
    output_checksums: {
      column_x: column(0),
      column_y: column(1),
      column_w: column(2),
      column_h: column(3),
      column_objectness: column(4),
      class_columns: column(5, whole.rows.shape[2]),
    },
    raw_checksums: [...whole.maps],
    detections: detections(c, whole.rows),
    detections_fused: detections(c, fused.rows),
  };
}

async function runPhotograph(c: GoldenCase): Promise<Results> {
  const picture = taken(await decodePicture(c.asset("image")), c.args.taken as string);
  const box = c.args.letterbox as {
    new_shape: number[];
    color: [number, number, number];
    auto: boolean;
    scaleFill: boolean;
    scaleup: boolean;
    stride: number;
  };
  const [height, width] = box.new_shape;
  const { auto, scaleFill, stride, color } = box;
  const fitted = letterbox(picture, { width, height }, { auto, scaleFill, stride, scaleUp: box.scaleup, color });
  const { eval: whole, fused } = await forward(c, toPlanes([fitted.picture]));
  return {
    source_hw: [picture.height, picture.width],
    input_shape: [1, 3, fitted.picture.height, fitted.picture.width],
    ratio: fitted.ratio[0],
    pad_wh: [...fitted.pad],
    detections: detections(c, whole.rows),
    detections_fused: detections(c, fused.rows),
  };
}

function taken(picture: Picture, how: string): Picture {
  if (how === "mirrored") return mirrorPicture(picture);
  if (how !== "middle") return picture;
  const { width, height, data } = picture;
  const [left, top, w, h] = [
    Math.floor(width / 4),
    Math.floor(height / 4),
    Math.floor(width / 2),
    Math.floor(height / 2),
  ];
  const middle = new Uint8Array(w * h * 3);
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * width + left) * 3;
    middle.set(data.subarray(from, from + w * 3), y * w * 3);
  }
  return { width: w, height: h, data: middle };
}

async function forward(c: GoldenCase, images: HostArray): Promise<{ eval: Output; fused: Output }> {
  const model = buildModel(c.model_yaml);
  const traced = trace(model, images.shape);
  const weights = weightsFor(model.module, c.state());
  const run = async (g: Graph): Promise<Output> => {
    const program = await compile(await runtime(), bindWeights(g, weights));
    const results = await program.run(new Map([["images", images]]));
    await program.release();
    const maps = [...results.keys()].filter((name) => name.startsWith("map"));
    return { rows: results.get("rows")!, maps: maps.map((name) => results.get(name)!) };
  };
  return { eval: await run(useRunningStatistics(traced)), fused: await run(inference(traced)) };
}

function trace(model: Decodable, shape: readonly number[]): Graph {
  const images = input(shape, { dtype: "uint8" });
  const maps = model.module(mul(cast(images, "float32"), scalar(1 / 255)));
  const outputs = new Map([["rows", model.head.decode(maps)]]);
  for (const [i, map] of maps.entries()) outputs.set(`map${i}`, map);
  return graph(new Map([...paramInputs(model.module), ["images", images]]), outputs);
}

function columns({ shape, data }: HostArray, from: number, to: number): HostArray {
  const [, n, width] = shape;
  const numbers = new Float32Array(n * (to - from));
  for (let i = 0; i < n; i++)
    numbers.set((data as Float32Array).subarray(i * width + from, i * width + to), i * (to - from));
  return hostArray("float32", [n, to - from], numbers);
}

function takeRows({ shape, data }: HostArray, index: readonly number[]): HostArray {
  const width = shape[2];
  const numbers = new Float32Array(index.length * width);
  index.forEach((row, i) => {
    numbers.set((data as Float32Array).subarray(row * width, (row + 1) * width), i * width);
  });
  return hostArray("float32", [index.length, width], numbers);
}

function detections(c: GoldenCase, rows: HostArray): Plain {
  const nms = c.args.nms as Record<string, unknown>;
  const options: NmsOptions = {
    conf: nms.conf_thres as number,
    iou: nms.iou_thres as number,
    classes: (nms.classes as number[] | null) ?? undefined,
    agnostic: nms.agnostic as boolean,
    multiLabel: nms.multi_label as boolean,
    maxDet: nms.max_det as number,
  };
  const [found] = nonMaxSuppression(toFloat32(rows), rows.shape as [number, number, number], options);
  return Array.from({ length: found.length / 6 }, (_, i) => {
    const [x1, y1, x2, y2, confidence, number] = found.subarray(i * 6, i * 6 + 6);
    return { class: number, confidence, xyxy_in_network_input: [x1, y1, x2, y2] };
  });
}
