/** The picture formats that are read. */
export type PictureFormat = "jpeg" | "png" | "webp" | "gif" | "tiff" | "avif" | "bmp";

/** File name endings under which a data set's pictures are looked for. Their content decides what they are. */
export const pictureEndings: ReadonlySet<string> = new Set(
  "avif bmp dng gif jpeg jpg mpo pfm png tif tiff webp".split(" "),
);

/** Which format the first bytes of a file are of; undefined for anything that is not read. */
export function pictureFormat(bytes: Uint8Array): PictureFormat | undefined {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "jpeg";
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return "webp";
  if (/^GIF8[79]a$/.test(text(0, 6))) return "gif";
  if (["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(text(0, 4))) return "tiff";
  if (text(4, 8) === "ftyp" && /avi[fs]/.test(text(8, 32))) return "avif";
  if (text(0, 2) === "BM") return "bmp";
  return undefined;
}

/** Whether a file ends as one of its format does; false means that only decoding tells whether something is missing. */
export function endsWell(bytes: Uint8Array, format: PictureFormat): boolean {
  const n = bytes.length;
  if (format === "jpeg") return bytes[n - 2] === 0xff && bytes[n - 1] === 0xd9;
  if (format === "png") return String.fromCharCode(...bytes.subarray(n - 8, n - 4)) === "IEND";
  if (format === "gif") return bytes[n - 1] === 0x3b;
  if (format === "webp") return n >= 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  return false;
}
