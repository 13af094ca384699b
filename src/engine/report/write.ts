import { extname } from "node:path";
import { UserError } from "../../errors/index.js";
import { writeAtomic } from "../weights/files.js";
import { outlineTexts } from "./outlines.js";

/** Writes a plot as .svg, or drawn (twice its size in pixels) as .png or .jpg; whole or not at all. */
export async function writePlot(path: string, svg: string): Promise<void> {
  await writeAtomic([[path, await encodePlot(path, svg)]]);
}

/** What `writePlot` would write. */
export async function encodePlot(path: string, svg: string): Promise<string | Uint8Array> {
  const ending = extname(path).toLowerCase();
  if (ending === ".svg") return svg;
  const { default: sharp } = await import("sharp");
  const drawn = () =>
    sharp(Buffer.from(outlineTexts(svg)), { density: 144, limitInputPixels: false }).flatten({ background: "white" });
  if (ending === ".png") return drawn().png().toBuffer();
  if (ending === ".jpg" || ending === ".jpeg")
    return drawn().jpeg({ quality: 92, chromaSubsampling: "4:4:4" }).toBuffer();
  throw new UserError(`${path}: plots are written as .svg, .png or .jpg`);
}
