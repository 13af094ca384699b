import { decodePicture, type Picture } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import type { SessionOptions } from "../../graph/index.js";
import type { BlockDefinition } from "../../nn/index.js";
import { openModel } from "../model.js";
import { loadRuntime } from "../runtime.js";
import { checkHalfOf } from "../training/lossScale.js";
import { augmentedBackend } from "./augmented.js";
import { type Backend, type Detections, type DetectOptions, detect } from "./detect.js";
import { nativeBackend } from "./native.js";
import { openOnnxFile } from "./onnxFile.js";

/** What `Detector.load` takes besides the file. */
export interface LoadOptions extends SessionOptions {
  /** A model YAML for weights that do not bring their own. */
  readonly model?: string;
  readonly names?: readonly string[];
  readonly extra?: readonly BlockDefinition[];
  /** Test-time augmentation: three sizes, one of them mirrored. */
  readonly augment?: boolean;
  /** The network in float16, on devices that have it. */
  readonly half?: boolean;
}

/** Pixels as a page has them: RGBA, 8 bits a channel. */
export interface PixelData {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** A picture: a file's path, the bytes of one, RGBA or RGB pixels. */
export type PictureInput = string | Uint8Array | PixelData;

export type PredictOptions = Partial<Omit<DetectOptions, "imgsz">> & {
  /** The longer side, or height and width, that pictures are fitted into; 640 where left out. */
  readonly imgsz?: number | readonly [height: number, width: number];
};

/** What was found in one picture, and in which one. */
export interface Result extends Detections {
  /** The path, where the picture was given by one. */
  readonly path?: string;
}

/** A trained detector. */
export class Detector {
  private constructor(
    private readonly backend: Backend,
    private readonly imgsz: number,
  ) {}

  /**
   * Loads `.onnx`, `.safetensors` or `.pt`.
   * @throws UserError naming the file and what is wrong with it.
   */
  static async load(file: string, options: LoadOptions = {}): Promise<Detector> {
    const runtime = await loadRuntime();
    if (options.half) await checkHalfOf(runtime, file, options.device);
    if (/\.onnx$/i.test(file)) {
      if (options.augment)
        throw new UserError(`${file}: test-time augmentation needs our weights or PyTorch's, not an exported file`);
      return new Detector(await openOnnxFile(runtime, file, options), 640);
    }
    const loaded = await openModel({ ...options, weights: file, keepAnchors: true });
    const imgsz = Number(loaded.sidecar?.imgsz ?? 640);
    const backend = nativeBackend(runtime, loaded, options);
    return new Detector(options.augment ? augmentedBackend(backend, loaded.model.strides) : backend, imgsz);
  }

  /** Names of the classes. */
  get names(): readonly string[] {
    return this.backend.names;
  }

  /** Detects objects in a picture or a list of them; boxes most confident first, in pixels of each picture. */
  async predict(pictures: PictureInput | readonly PictureInput[], options: PredictOptions = {}): Promise<Result[]> {
    const list = Array.isArray(pictures) ? (pictures as readonly PictureInput[]) : [pictures as PictureInput];
    const { imgsz = this.imgsz, ...rest } = options;
    const size = this.fitted(typeof imgsz === "number" ? [imgsz, imgsz] : imgsz);
    const results: Result[] = [];
    for (const given of list) {
      const found = await detect(this.backend, await toPicture(given), { ...rest, imgsz: size });
      results.push(typeof given === "string" ? { path: given, ...found } : found);
    }
    return results;
  }

  /** Height and width rounded up to whole strides. */
  private fitted([height, width]: readonly [number, number]): [number, number] {
    const { stride } = this.backend;
    return [Math.ceil(height / stride) * stride, Math.ceil(width / stride) * stride];
  }

  /** Gives the detector's memory back. */
  release(): Promise<void> {
    return this.backend.release();
  }
}

async function toPicture(given: PictureInput): Promise<Picture> {
  if (typeof given === "string" || given instanceof Uint8Array) return decodePicture(given);
  const { width, height, data } = given;
  const channels = data.length / (width * height);
  if (channels === 3) return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  if (channels !== 4)
    throw new UserError(`picture: ${data.length} numbers for ${width} x ${height} pixels, expected 3 or 4 a pixel`);
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0, j = 0; i < data.length; i += 4, j += 3) {
    rgb[j] = data[i];
    rgb[j + 1] = data[i + 1];
    rgb[j + 2] = data[i + 2];
  }
  return { width, height, data: rgb };
}
