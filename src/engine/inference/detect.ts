import { letterbox, type Picture, scaleBoxes } from "../../data/pure.js";
import { type HostArray, hostArray } from "../../graph/index.js";
import { type NmsOptions, nonMaxSuppression } from "../nms.js";

/** One object: its class, how sure the detector is (0 to 1), and its corners in pixels of the picture. */
export interface Box {
  readonly class: number;
  readonly name: string;
  readonly confidence: number;
  readonly xyxy: readonly [x1: number, y1: number, x2: number, y2: number];
}

/** Milliseconds for one picture by stage. */
export interface StageTimes {
  readonly preprocess: number;
  readonly inference: number;
  readonly nms: number;
}

/** What a detector found in one picture. */
export interface Detections {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly ms: StageTimes;
}

/** Anything that turns pictures uint8 [b, 3, h, w] into rows [b, n, 5 + classes] of cx, cy, w, h, objectness, scores. */
export interface Backend {
  readonly names: readonly string[];
  readonly stride: number;
  /** Height and width that the network takes; free where left out. */
  readonly fixed?: { readonly height: number; readonly width: number; readonly batch?: number };
  /** Whether rows come selected already: [n, 7] of picture, x1, y1, x2, y2, confidence, class. */
  readonly selected?: boolean;
  run(images: HostArray): Promise<HostArray>;
  release(): Promise<void>;
}

export interface DetectOptions extends NmsOptions {
  /** Height and width that pictures are fitted into. */
  readonly imgsz: readonly [height: number, width: number];
  /** Shrink the padding to whole strides; off for networks of a fixed size. */
  readonly rect?: boolean;
}

/** Detects objects in one picture. */
export async function detect(backend: Backend, picture: Picture, options: DetectOptions): Promise<Detections> {
  const start = performance.now();
  const [height, width] = backend.fixed ? [backend.fixed.height, backend.fixed.width] : options.imgsz;
  const auto = (options.rect ?? true) && !backend.fixed;
  const { picture: fitted, ratio, pad } = letterbox(picture, { height, width }, { auto, stride: backend.stride });
  const images = toPlanes([fitted]);
  const prepared = performance.now();
  const rows = await backend.run(images);
  const ran = performance.now();
  const found = backend.selected ? chosen(rows, options) : suppressed(rows, options);
  const boxes = toBoxes(found, backend.names, { from: fitted, to: picture, ratio, pad });
  const end = performance.now();
  return {
    width: picture.width,
    height: picture.height,
    boxes,
    ms: { preprocess: prepared - start, inference: ran - prepared, nms: end - ran },
  };
}

const suppressed = (rows: HostArray, options: NmsOptions): Float32Array =>
  nonMaxSuppression(rows.data as Float32Array, rows.shape as [number, number, number], options)[0];

// Rows that the network chose itself: filtered, most confident first.
function chosen({ data, shape }: HostArray, { conf = 0.25, classes, maxDet = 300 }: NmsOptions): Float32Array {
  const rows = Array.from({ length: shape[0] }, (_, i) => (data as Float32Array).subarray(i * 7 + 1, i * 7 + 7))
    .filter((row) => row[4] > conf && (!classes || classes.includes(row[5])))
    .sort((a, b) => b[4] - a[4])
    .slice(0, maxDet);
  return Float32Array.from(rows.flatMap((row) => Array.from(row)));
}

/** Pictures of one size as planes: uint8 [b, 3, h, w]. */
export function toPlanes(pictures: readonly Picture[]): HostArray {
  const [{ width, height }] = pictures;
  const area = width * height;
  const planes = new Uint8Array(pictures.length * 3 * area);
  pictures.forEach(({ data }, b) => {
    const start = b * 3 * area;
    for (let i = 0, j = 0; i < area; i++, j += 3) {
      planes[start + i] = data[j];
      planes[start + area + i] = data[j + 1];
      planes[start + 2 * area + i] = data[j + 2];
    }
  });
  return hostArray("uint8", [pictures.length, 3, height, width], planes);
}

type Fit = Parameters<typeof scaleBoxes>[1];

/** Rows x1, y1, x2, y2, confidence, class of the network's input as boxes in the picture's own pixels. */
export function toBoxes(rows: Float32Array, names: readonly string[], fit: Fit): Box[] {
  const corners = new Float32Array((rows.length / 6) * 4);
  for (let i = 0; i < rows.length / 6; i++) corners.set(rows.subarray(i * 6, i * 6 + 4), i * 4);
  const scaled = scaleBoxes(corners, fit);
  return Array.from({ length: rows.length / 6 }, (_, i) => {
    const number = rows[i * 6 + 5];
    const [x1, y1, x2, y2] = scaled.subarray(i * 4, i * 4 + 4);
    return {
      class: number,
      name: names[number] ?? `class${number}`,
      confidence: rows[i * 6 + 4],
      xyxy: [x1, y1, x2, y2],
    };
  });
}
