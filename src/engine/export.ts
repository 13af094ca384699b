import { statSync } from "node:fs";
import { Failure, UserError } from "../errors/index.js";
import {
  bake,
  compile,
  freeBatch,
  type Graph,
  graph,
  type HostArray,
  hostArray,
  inference,
  input,
  lower,
  type Node,
  nodes,
  openModel as openOnnx,
  type Runtime,
  readers,
  type Tensor,
  toFloat32,
  half as toHalf,
  toOnnx,
  useRunningStatistics,
} from "../graph/index.js";
import { type BlockDefinition, paramInputs } from "../nn/index.js";
import { bindWeights } from "./inference/forward.js";
import { selectedRows } from "./inference/selected.js";
import { type LoadedModel, openModel } from "./model.js";
import { nonMaxSuppression } from "./nms.js";
import { loadRuntime } from "./runtime.js";
import { writeAtomic } from "./weights/files.js";

export interface ExportSettings {
  readonly weights: string;
  readonly model?: string;
  readonly format: "onnx";
  readonly imgsz: readonly [height: number, width: number];
  readonly batch: number;
  /** The batch stays free. */
  readonly dynamic: boolean;
  /** float16 weights and arithmetic. */
  readonly half: boolean;
  /** Non-maximum suppression inside: rows [n, 7] of picture, x1, y1, x2, y2, confidence, class. */
  readonly nms: boolean;
  /** Raw maps of every level instead of decoded rows. */
  readonly raw: boolean;
  readonly conf: number;
  readonly iou: number;
  readonly max_det: number;
  readonly out?: string;
  readonly extra?: readonly BlockDefinition[];
}

/** What was written, and how it compares with the model it came from on a test picture. */
export interface ExportResult {
  readonly file: string;
  readonly megabytes: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly check: { readonly maxDifference: number; readonly detectionsEqual: boolean };
}

/**
 * Writes a trained detector as an ONNX file and checks that it says the same as the model.
 * @throws UserError for options that exclude each other; Error when the check fails.
 */
export async function exportRun(settings: ExportSettings): Promise<ExportResult> {
  if (settings.raw && settings.nms) throw new UserError("raw=true and nms=true exclude each other");
  const runtime = await loadRuntime();
  const loaded = await openModel({
    model: settings.model,
    weights: settings.weights,
    extra: settings.extra,
    keepAnchors: true,
  });
  const { stride } = loaded.model;
  const [height, width] = settings.imgsz.map((side) => Math.ceil(side / stride) * stride);
  const options = { ...settings, height, width };
  const plain = await exportGraph(runtime, loaded, options);
  const written = settings.half ? halved(plain) : plain;
  const free = settings.dynamic ? freeAxes(written) : undefined;
  const file = settings.out ?? settings.weights.replace(/\.(safetensors|pt)$/i, "") + ".onnx";
  const bytes = toOnnx(written, {
    metadata: metadataOf(loaded, { height, width }),
    freeAxes: { ...free, ...(settings.nms && { output0: { 0: "detections" } }) },
  });
  const shape = [settings.dynamic ? 1 : settings.batch, loaded.model.ch, height, width];
  const reference = bindWeights(useRunningStatistics(traced(loaded, options, shape[0])), loaded.weights);
  const check = await compare(runtime, { bytes, reference, shape, settings });
  await writeAtomic([[file, bytes]]);
  return {
    file,
    megabytes: statSync(file).size / 1e6,
    inputs: [...written.inputs].map(
      ([name, { shape: s, dtype }]) => `${name} ${dtype}[${settings.dynamic ? ["batch", ...s.slice(1)] : s}]`,
    ),
    outputs: [...written.outputs].map(
      ([name, { shape: s, dtype }]) =>
        `${name} ${dtype}[${settings.nms ? ["detections", 7] : settings.dynamic ? ["batch", ...s.slice(1)] : s}]`,
    ),
    check,
  };
}

interface GraphOptions extends ExportSettings {
  readonly height: number;
  readonly width: number;
}

// Pictures from 0 to 1 to rows (or maps); weights are inputs.
function traced({ model }: LoadedModel, options: GraphOptions, batch: number): Graph {
  const images = input([batch, model.ch, options.height, options.width], { label: "images" });
  const maps = model.module(images);
  const outputs = options.raw ? maps : [output(model.head.decode(maps), options)];
  const named = new Map(outputs.map((tensor, i): [string, Tensor] => [`output${i}`, tensor]));
  return graph(new Map([...paramInputs(model.module), ["images", images]]), named);
}

// The same as it is used, with all weights inside.
async function exportGraph(runtime: Runtime, loaded: LoadedModel, options: GraphOptions): Promise<Graph> {
  const used = (batch: number) => inference(traced(loaded, options, batch));
  return bake(runtime, options.dynamic ? freeBatch(used(1), used(2)) : used(options.batch), loaded.weights);
}

// float16 up to the last convolutions; decoding, where a half is too coarse for pixels, and input and output in float32.
function halved(g: Graph): Graph {
  const lowered = lower(g);
  const users = readers(lowered);
  const tail = new Set<Node>();
  for (const node of nodes(lowered).reverse()) {
    const read = node.outputs.flatMap((x) => users.get(x) ?? []);
    if (!heavy.has(node.op.name) && read.every((reader) => reader === undefined || tail.has(reader))) tail.add(node);
  }
  return toHalf(lowered, { keep: (node) => tail.has(node) });
}

const heavy = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

const output = (rows: Tensor, { nms, conf, iou, max_det }: GraphOptions): Tensor =>
  nms ? selectedRows(rows, { conf, iou, maxDet: max_det }) : rows;

const freeAxes = (g: Graph): Record<string, Record<number, string>> =>
  Object.fromEntries([...g.inputs.keys(), ...g.outputs.keys()].map((name) => [name, { 0: "batch" }]));

function metadataOf({ model, names }: LoadedModel, size: { height: number; width: number }): Record<string, string> {
  return {
    description: "SwinYOLO detector",
    task: "detect",
    stride: String(model.stride),
    names: JSON.stringify(Object.fromEntries(names.map((name, i) => [i, name]))),
    imgsz: JSON.stringify([size.height, size.width]),
    preprocessing: "RGB planes, letterboxed with 114, divided by 255",
  };
}

interface Comparison {
  readonly bytes: Uint8Array;
  /** The model as it was trained: nothing folded, float32. */
  readonly reference: Graph;
  readonly shape: readonly number[];
  readonly settings: ExportSettings;
}

// The file against the model, on a smooth picture that gives every layer something to do.
async function compare(
  runtime: Runtime,
  { bytes, reference, shape, settings }: Comparison,
): Promise<ExportResult["check"]> {
  const images = testPicture(shape);
  const exported = await openOnnx(runtime, bytes);
  const model = await compile(runtime, reference);
  try {
    const wanted = await model.run(new Map([["images", images]]));
    const got = await exported.run(new Map([["images", images]]));
    let maxDifference = 0;
    for (const [name, array] of wanted) maxDifference = Math.max(maxDifference, difference(array, got.get(name)!));
    const same = settings.raw || sameDetections(wanted.get("output0")!, got.get("output0")!, settings);
    if (!same || (!settings.half && !(maxDifference <= 1e-2))) {
      throw new Failure(
        `the exported file differs from the model: by up to ${maxDifference}, detections ${same ? "equal" : "different"}; nothing was written`,
      );
    }
    return { maxDifference, detectionsEqual: same };
  } finally {
    await exported.release();
    await model.release();
  }
}

function testPicture(shape: readonly number[]): HostArray {
  const [, , , width] = shape;
  const size = shape.reduce((n, d) => n * d, 1);
  const data = Float32Array.from(
    { length: size },
    (_, i) => 0.5 + 0.25 * Math.sin((i % width) / 9) + 0.25 * Math.sin(Math.floor(i / width) / 13),
  );
  return hostArray("float32", shape, data);
}

function difference(a: HostArray, b: HostArray): number {
  const [x, y] = [toFloat32(a), toFloat32(b)];
  if (x.length !== y.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < x.length; i++) worst = Math.max(worst, Math.abs(x[i] - y[i]));
  return worst;
}

// The same objects: equal classes, corners and confidences close; halves may lose one that stands at the threshold.
function sameDetections(a: HostArray, b: HostArray, { nms, conf, iou, half }: ExportSettings): boolean {
  const [corner, score] = half ? [4, 0.03] : [0.1, 1e-3];
  // The test picture holds no objects: what scores best there is taken for some.
  const least = nms ? conf : Math.min(conf, bestScore(a) / 2);
  const [wanted, got] = [a, b].map((rows) => detectionsOf(rows, { nms, conf: least, iou }));
  const missing = (from: Float32Array[], among: Float32Array[]) =>
    from.filter(
      (row) =>
        !among.some((other) => row[5] === other[5] && Math.abs(row[4] - other[4]) <= score && near(row, other, corner)),
    );
  const clear = (rows: Float32Array[]) => rows.filter((row) => row[4] > least + score);
  return clear(missing(wanted, got)).length === 0 && clear(missing(got, wanted)).length === 0;
}

// The largest objectness times class score among decoded rows.
function bestScore(rows: HostArray): number {
  const [data, width] = [toFloat32(rows), rows.shape[2]];
  let best = 0;
  for (let i = 0; i < data.length; i += width) {
    for (let c = 5; c < width; c++) best = Math.max(best, data[i + 4] * data[i + c]);
  }
  return best;
}

const near = (a: Float32Array, b: Float32Array, most: number): boolean =>
  [0, 1, 2, 3].every((i) => Math.abs(a[i] - b[i]) <= most);

// Rows x1, y1, x2, y2, confidence, class of all pictures.
function detectionsOf(
  rows: HostArray,
  { nms, conf, iou }: Pick<ExportSettings, "nms" | "conf" | "iou">,
): Float32Array[] {
  const data = toFloat32(rows);
  if (nms) return Array.from({ length: rows.shape[0] }, (_, i) => data.subarray(i * 7 + 1, i * 7 + 7));
  const found = nonMaxSuppression(data, rows.shape as [number, number, number], { conf, iou });
  return found.flatMap((picture) =>
    Array.from({ length: picture.length / 6 }, (_, i) => picture.subarray(i * 6, i * 6 + 6)),
  );
}
