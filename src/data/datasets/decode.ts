import type { Sharp } from "sharp";
import { messageOf, UserError } from "../../errors/index.js";
import type { Size } from "../boxes.js";
import type { Picture } from "../sample.js";
import { bmpSize, decodeBmp } from "./bmp.js";
import { readBytes } from "./files.js";
import { loadSharp } from "./sharp.js";
import { endsWell, type PictureFormat, pictureFormat } from "./sniff.js";

/** The most pixels that a picture may claim to have. */
export const maxPixels = 178_956_970;

const maxFileBytes = 2 ** 30;

/** How a picture is decoded. */
export interface DecodeOptions {
  /** Stands in messages; the path where left out. */
  readonly name?: string;
  /**
   * The size that a picture of such a size is wanted at. A JPEG of at least 3 times that, along both sides, then comes at
   * it, made from a half, a quarter or an eighth of its coefficients; every other picture comes whole.
   */
  readonly wanted?: (whole: Size) => Size;
}

/**
 * Decodes a picture file (a path) or its bytes to RGB: upright as EXIF says, alpha left out, 16 bits cut to the high
 * byte, the first frame of several. A UserError says what cannot be decoded.
 */
export async function decodePicture(
  source: string | Uint8Array,
  { name = typeof source === "string" ? source : "picture", wanted }: DecodeOptions = {},
): Promise<Picture> {
  const bytes = typeof source === "string" ? await readBytes(source, { maxBytes: maxFileBytes }) : source;
  return naming(name, () => decode(bytes, formatOf(bytes), wanted));
}

/** A picture's upright width and height, from its header alone. */
export async function pictureSize(path: string): Promise<Size> {
  const bytes = await readBytes(path, { maxBytes: maxFileBytes });
  return naming(path, async () => (await readHeader(bytes, formatOf(bytes))).upright);
}

/**
 * A picture's upright width and height; it is decoded to see whether it is whole where `whole` asks for that, or where
 * the file's end leaves a doubt. A UserError says what is wrong with it.
 */
export async function checkPicture(path: string, { whole = false }: { whole?: boolean } = {}): Promise<Size> {
  const bytes = await readBytes(path, { maxBytes: maxFileBytes });
  return naming(path, async () => {
    const format = formatOf(bytes);
    const { upright } = await readHeader(bytes, format);
    if (whole || !endsWell(bytes, format)) await decode(bytes, format);
    return upright;
  });
}

function formatOf(bytes: Uint8Array): PictureFormat {
  if (bytes.length === 0) throw new UserError("an empty file, expected a picture");
  const format = pictureFormat(bytes);
  if (!format) throw new UserError("no picture (expected JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP)");
  return format;
}

async function decode(bytes: Uint8Array, format: PictureFormat, wanted?: (whole: Size) => Size): Promise<Picture> {
  const { kind, upright } = await readHeader(bytes, format);
  if (kind === "bmp") return decodeBmp(bytes);
  const sharp = await loadSharp();
  const file = steps[kind](sharp(bytes, { failOn: "error", limitInputPixels: maxPixels, ignoreIcc: true }));
  const reduced = format === "jpeg" && kind !== "inks" && wanted && reducedSize(upright, wanted(upright));
  const { data, info } = await (reduced ? shrink(file, upright, reduced) : file)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [{ width, height }, channels] = [info, kind === "inks" ? 4 : 3];
  if (data.length !== width * height * channels) throw new UserError(`${info.channels} channels, expected RGB`);
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { width, height, data: kind === "inks" ? inkToLight(pixels) : pixels };
}

const reduceFrom = 3;

function reducedSize(whole: Size, wanted: Size): Size | undefined {
  return scaleOf(whole, wanted) >= reduceFrom ? wanted : undefined;
}

const scaleOf = (whole: Size, to: Size): number => Math.min(whole.width / to.width, whole.height / to.height);

// The library leaves coefficients out where it is told the final size before it decodes, and resamples the rest of the way:
// by at least 2, which is closest to the mean of the whole picture's pixels, or, below 4, where that would leave nothing to
// gain, by less.
function shrink(file: Sharp, whole: Size, { width, height }: Size): Sharp {
  const fastShrinkOnLoad = scaleOf(whole, { width, height }) < 4;
  return file.resize(width, height, { fit: "fill", kernel: "cubic", fastShrinkOnLoad });
}

// What the library must do to reach RGB (or, for inks, the four of them) of 8 bits; each step takes its time.
const steps = {
  rgb: (file: Sharp) => file,
  inks: (file: Sharp) => file.autoOrient().pipelineColourspace("cmyk").toColourspace("cmyk"),
  other: (file: Sharp) => file.autoOrient().removeAlpha().toColourspace("srgb"),
};

// Light = 255 - ink, dimmed by the black ink; without colour profiles, as OpenCV has it.
function inkToLight(inks: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((inks.length / 4) * 3);
  for (let i = 0, to = 0; i < inks.length; i += 4) {
    const paper = 255 - inks[i + 3];
    for (let channel = 0; channel < 3; channel++) rgb[to++] = paper - ((inks[i + channel] * paper) >> 8);
  }
  return rgb;
}

async function readHeader(
  bytes: Uint8Array,
  format: PictureFormat,
): Promise<{ upright: Size; kind: keyof typeof steps | "bmp" }> {
  if (format === "bmp") return { upright: withinLimit(bmpSize(bytes)), kind: "bmp" };
  const sharp = await loadSharp();
  const found = await sharp(bytes, { failOn: "error", limitInputPixels: maxPixels }).metadata();
  const upright = withinLimit(found.autoOrient);
  if (found.space === "cmyk") return { upright, kind: "inks" };
  const plain = found.space === "srgb" && found.depth === "uchar" && found.channels === 3;
  return { upright, kind: plain && (found.orientation ?? 1) === 1 ? "rgb" : "other" };
}

function withinLimit({ width, height }: Size): Size {
  if (width * height <= maxPixels) return { width, height };
  throw new UserError(`${width} x ${height} is ${width * height} pixels, expected at most ${maxPixels}`);
}

async function naming<T>(name: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw new UserError(`${name}: ${error instanceof UserError ? "" : "broken picture: "}${cause(error)}`, {
      cause: error,
    });
  }
}

function cause(error: unknown): string {
  const [first] = messageOf(error)
    .replace(/Input (buffer|file) has corrupt header: /, "")
    .split("\n");
  return first.replace(/^Vips\w+: /, "");
}
