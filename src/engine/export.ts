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
  openModel as openOnnx,
  type Runtime,
  splitConstantPart,
  type Tensor,
  toFloat32,
  toOnnx,
  useRunningStatistics,
} from "../graph/index.js";
import { type BlockDefinition, paramInputs } from "../nn/index.js";
import { bindWeights, halved } from "./inference/forward.js";
import { selectedRows } from "./inference/selected.js";
import { type BeforeAfter, type Int8Result, type Int8Settings, toInt8 } from "./int8/index.js";
import { inTurns } from "./int8/turns.js";
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
  /** 8-bit weights and arithmetic; needs `data`. */
  readonly int8: boolean;
  readonly data?: string;
  readonly calibration: Int8Settings["calibration"];
  readonly percentile: number;
  readonly calibration_images: number;
  readonly int8_drop: number;
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
  /** What 8 bits cost and save; null for other exports. */
  readonly int8: (Int8Result & { readonly megabytes: BeforeAfter; readonly msPerPicture: BeforeAfter }) | null;
}

export interface ExportContext {
  /** What is going on right now. */
  readonly onProgress?: (text: string) => void;
}

/**
 * Writes a trained detector as an ONNX file and checks that it says the same as the model.
 * @throws UserError for options that exclude each other; Error when the check fails.
 */
export async function exportRun(settings: ExportSettings, context: ExportContext = {}): Promise<ExportResult> {
  checkSettings(settings);
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
  const full = await exportGraph(runtime, loaded, options);
  const eight = settings.int8 ? await inInt8(runtime, full, { loaded, options, context }) : undefined;
  const plain = withOutputs(full.graph, options);
  const written = eight ? withOutputs(eight.graph, options) : settings.half ? halved(plain) : plain;
  const free = settings.dynamic ? freeAxes(written) : undefined;
  const file =
    settings.out ?? settings.weights.replace(/\.(safetensors|pt)$/i, "") + (settings.int8 ? "-int8.onnx" : ".onnx");
  const fileOptions = {
    metadata: metadataOf(loaded, { height, width }),
    freeAxes: { ...free, ...(settings.nms && { output0: { 0: "detections" } }) },
  };
  const bytes = toOnnx(written, fileOptions);
  const shape = [settings.dynamic ? 1 : settings.batch, loaded.model.ch, height, width];
  const trained = withOutputs(useRunningStatistics(traced(loaded, options, shape[0])), options);
  const reference = bindWeights(trained, loaded.weights);
  const check = await compare(runtime, { bytes, reference, shape, settings });
  await writeAtomic([[file, bytes]]);
  const int8 = eight && {
    ...eight.result,
    ...(await savings(runtime, toOnnx(plain, fileOptions), bytes, eight.images)),
  };
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
    int8: int8 ?? null,
  };
}

function checkSettings({ raw, nms, half, int8, data, imgsz: [height, width] }: ExportSettings): void {
  if (raw && nms) throw new UserError("raw=true and nms=true exclude each other");
  if (!int8) return;
  if (half) throw new UserError("half=true and int8=true exclude each other");
  if (data === undefined)
    throw new UserError("int8=true needs pictures to calibrate on and to measure with: data=data.yaml");
  if (height !== width) throw new UserError(`imgsz=${height},${width}: int8=true takes squares; one number expected`);
}

// The graph in 8 bits, with what that costs.
function inInt8(
  runtime: Runtime,
  { graph: g, origins }: FullGraph,
  { loaded, options, context }: { loaded: LoadedModel; options: GraphOptions; context: ExportContext },
) {
  const nameOf = (layer: Node) => {
    const label = layer.inputs[1].label ?? `${layer.op.name} ${layer.id}`;
    return (origins.get(label) ?? label).replace(/\.weight$/, "");
  };
  return toInt8(
    g,
    { ...options, data: options.data as string },
    {
      runtime,
      names: loaded.names,
      imgsz: options.height,
      batch: options.dynamic ? 1 : options.batch,
      stride: loaded.model.stride,
      layerName: nameOf,
      onProgress: context.onProgress,
    },
  );
}

async function savings(runtime: Runtime, plain: Uint8Array, eight: Uint8Array, images: HostArray) {
  const [before, after] = await inTurns(runtime, [plain, eight], images);
  return {
    megabytes: { before: plain.length / 1e6, after: eight.length / 1e6 },
    msPerPicture: { before, after },
  };
}

interface GraphOptions extends ExportSettings {
  readonly height: number;
  readonly width: number;
}

// Pictures from 0 to 1 to rows and maps; weights are inputs.
function traced({ model }: LoadedModel, options: GraphOptions, batch: number): Graph {
  const images = input([batch, model.ch, options.height, options.width], { label: "images" });
  const maps = model.module(images);
  const named = new Map([["rows", model.head.decode(maps)]]);
  for (const [i, map] of maps.entries()) named.set(`map.${i}`, map);
  return graph(new Map([...paramInputs(model.module), ["images", images]]), named);
}

// Those outputs that a file is to have, from decoded `rows` and raw `map.*`.
function withOutputs({ inputs, outputs }: Graph, options: ExportSettings): Graph {
  const maps = [...outputs].filter(([name]) => name.startsWith("map.")).map(([, map]) => map);
  const chosen = options.raw ? maps : [output(outputs.get("rows")!, options)];
  return graph(inputs, new Map(chosen.map((tensor, i): [string, Tensor] => [`output${i}`, tensor])));
}

interface FullGraph {
  readonly graph: Graph;
  /** The parameter that each constant `prepared.*` was made of. */
  readonly origins: ReadonlyMap<string, string>;
}

// The same as it is used, with all weights inside.
async function exportGraph(runtime: Runtime, loaded: LoadedModel, options: GraphOptions): Promise<FullGraph> {
  const used = (batch: number) => inference(traced(loaded, options, batch));
  const g = options.dynamic ? freeBatch(used(1), used(2)) : used(options.batch);
  const baked = lower(await bake(runtime, g, loaded.weights));
  const { prepare } = splitConstantPart(g, (name) => !loaded.weights.has(name));
  return { graph: baked, origins: new Map([...prepare.outputs].map(([name, x]) => [name, originOf(x, prepare)])) };
}

// The name of the first parameter that a value is made of.
function originOf(x: Tensor, { inputs }: Graph): string {
  const names = new Map([...inputs].map(([name, tensor]) => [tensor, name]));
  const search = (at: Tensor): string | undefined => {
    if (!at.node) return names.get(at);
    for (const before of at.node.inputs) {
      const found = search(before);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search(x) ?? "";
}

const output = (rows: Tensor, { nms, conf, iou, max_det }: ExportSettings): Tensor =>
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
    // What 8 bits cost is measured on pictures of the data set.
    if (settings.int8 && [...got.values()].every(allFinite)) return { maxDifference, detectionsEqual: same };
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

const allFinite = (array: HostArray): boolean => toFloat32(array).every((v) => Number.isFinite(v));

// Infinity where one has more numbers than the other (selected boxes).
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
