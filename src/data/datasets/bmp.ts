import { UserError } from "../../errors/index.js";
import type { Picture } from "../sample.js";

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly pixels: number;
  readonly palette: { readonly start: number; readonly entry: number; readonly colours: number };
}

/** Width and height of a BMP in pixels. */
export function bmpSize(bytes: Uint8Array): { width: number; height: number } {
  const { width, height } = header(bytes);
  return { width, height };
}

/** Decodes a BMP without compression: 24 or 32 bits a pixel, or 8, 4 or 1 with a palette. */
export function decodeBmp(bytes: Uint8Array): Picture {
  const { width, height, topDown, bits, pixels, palette } = header(bytes);
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  if (pixels + rowBytes * height > bytes.length) {
    throw new UserError(`cut short: ${bytes.length} bytes, expected ${pixels + rowBytes * height}`);
  }
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = pixels + (topDown ? y : height - 1 - y) * rowBytes;
    for (let x = 0; x < width; x++) {
      const from = bits >= 24 ? row + (x * bits) / 8 : colour(bytes, row, x, bits, palette);
      const to = (y * width + x) * 3;
      data[to] = bytes[from + 2];
      data[to + 1] = bytes[from + 1];
      data[to + 2] = bytes[from];
    }
  }
  return { width, height, data };
}

function colour(bytes: Uint8Array, row: number, x: number, bits: number, palette: Header["palette"]): number {
  const byte = bytes[row + ((x * bits) >> 3)];
  const index = (byte >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);
  if (index >= palette.colours) throw new UserError(`colour ${index} in a palette of ${palette.colours}`);
  return palette.start + index * palette.entry;
}

function header(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 26) throw new UserError("cut short within its header");
  const length = view.getUint32(14, true);
  const old = length === 12;
  if (!old && (length < 40 || bytes.length < 14 + length)) throw new UserError(`a header of ${length} bytes`);
  const [width, signedHeight] = old
    ? [view.getUint16(18, true), view.getUint16(20, true)]
    : [view.getInt32(18, true), view.getInt32(22, true)];
  const height = Math.abs(signedHeight);
  if (width < 1 || height < 1) throw new UserError(`a size of ${width} x ${height} pixels`);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? 0 : view.getUint32(30, true);
  if (![1, 4, 8, 24, 32].includes(bits) || !(compression === 0 || (compression === 3 && plainMasks(view)))) {
    throw new UserError(`${bits} bits a pixel with compression ${compression}, which is not read`);
  }
  const pixels = view.getUint32(10, true);
  const entry = old ? 3 : 4;
  const start = 14 + length;
  const room = Math.floor(Math.max(0, Math.min(pixels, bytes.length) - start) / entry);
  const said = (old ? 0 : view.getUint32(46, true)) || 2 ** Math.min(bits, 8);
  const palette = { start, entry, colours: Math.min(said, room) };
  return { width, height, topDown: signedHeight < 0, bits, pixels, palette };
}

// Masks of 32 bits a pixel that say what holds without them: blue, green, red, unused.
function plainMasks(view: DataView): boolean {
  return (
    view.byteLength >= 66 &&
    view.getUint16(28, true) === 32 &&
    view.getUint32(54, true) === 0xff0000 &&
    view.getUint32(58, true) === 0xff00 &&
    view.getUint32(62, true) === 0xff
  );
}
