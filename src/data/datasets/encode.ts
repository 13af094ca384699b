import { rename, rm, writeFile } from "node:fs/promises";
import { messageOf, UserError } from "../../errors/index.js";
import type { Picture } from "../sample.js";
import { fileError } from "./files.js";
import { loadSharp } from "./sharp.js";

/** The formats that pictures are written in. */
export type EncodedFormat = "jpg" | "png";

/** The bytes of a picture as JPEG (quality 95, full colour resolution) or PNG. */
export async function encodePicture(picture: Picture, format: EncodedFormat): Promise<Uint8Array> {
  const { width, height, data } = picture;
  const sharp = await loadSharp();
  const raw = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
  return format === "png" ? raw.png().toBuffer() : raw.jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer();
}

/** Writes a picture to a file that ends in .jpg, .jpeg or .png; the file is there whole or not at all. */
export async function writePicture(picture: Picture, path: string): Promise<void> {
  const ending = /\.(?:(jpe?g)|png)$/i.exec(path);
  if (!ending) throw new UserError(`${path}: pictures are written as .jpg or .png`);
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, await encodePicture(picture, ending[1] ? "jpg" : "png"));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    const known = fileError(path, error);
    throw known instanceof UserError ? known : new UserError(`${path}: not written: ${messageOf(error)}`);
  }
}
