import { type Picture, resize } from "../../data/index.js";
import { type HostArray, hostArray } from "../../graph/index.js";
import { type Backend, toPlanes } from "./detect.js";

/** Sizes and mirroring of the three passes of test-time augmentation. */
const passes = [
  { scale: 1, mirrored: false },
  { scale: 0.83, mirrored: true },
  { scale: 0.67, mirrored: false },
] as const;

/** 0.447 of full scale: ImageNet's mean. */
const fill = 114;

/**
 * A backend that looks at each picture three times, at scales 1, 0.83 (mirrored) and 0.67, and gives all rows together:
 * without the largest stride's rows of the first pass and the smallest stride's of the last.
 */
export function augmentedBackend(backend: Backend, strides: readonly number[]): Backend {
  const stride = Math.max(...strides);
  return {
    ...backend,
    async run(images) {
      const [, , , width] = images.shape;
      const parts: Float32Array[] = [];
      let columns = 0;
      for (const [i, { scale, mirrored }] of passes.entries()) {
        const rows = await backend.run(scale === 1 ? images : scaledImages(images, { scale, mirrored, stride }));
        columns = rows.shape[2];
        const numbers = restored(rows, { scale, mirrored, width });
        parts.push(clipped(numbers, { columns, levels: strides.length, pass: i }));
      }
      const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
      let at = 0;
      for (const part of parts) {
        all.set(part, at);
        at += part.length;
      }
      return hostArray("float32", [1, all.length / columns, columns], all);
    },
  };
}

interface Pass {
  readonly scale: number;
  readonly mirrored: boolean;
}

// One picture [1, 3, h, w], mirrored, resized, and padded right and below to whole strides.
function scaledImages({ shape, data }: HostArray, { scale, mirrored, stride }: Pass & { stride: number }): HostArray {
  const [, , height, width] = shape;
  const area = height * width;
  const planes = data as Uint8Array;
  const pixels = new Uint8Array(area * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = y * width + (mirrored ? width - 1 - x : x);
      for (let c = 0; c < 3; c++) pixels[(y * width + x) * 3 + c] = planes[c * area + from];
    }
  }
  const small = resize({ width, height, data: pixels }, Math.trunc(width * scale), Math.trunc(height * scale), {
    interpolation: "bilinear",
  });
  const [h, w] = [height, width].map((side) => Math.ceil((side * scale) / stride) * stride);
  return toPlanes([padded(small, w, h)]);
}

function padded({ width, height, data }: Picture, w: number, h: number): Picture {
  const out = new Uint8Array(w * h * 3).fill(fill);
  for (let y = 0; y < height; y++) out.set(data.subarray(y * width * 3, (y + 1) * width * 3), y * w * 3);
  return { width: w, height: h, data: out };
}

// Boxes back to the size and side of the picture that was given.
function restored({ shape, data }: HostArray, { scale, mirrored, width }: Pass & { width: number }): Float32Array {
  const rows = Float32Array.from(data as Float32Array);
  for (let i = 0; i < rows.length; i += shape[2]) {
    for (let k = 0; k < 4; k++) rows[i + k] /= scale;
    if (mirrored) rows[i] = width - rows[i];
  }
  return rows;
}

// With g = sum of 4^k over the levels, the largest stride has 1 / g of the rows, at the end, the smallest 4^(levels - 1) / g.
function clipped(
  rows: Float32Array,
  { columns, levels, pass }: { columns: number; levels: number; pass: number },
): Float32Array {
  const count = rows.length / columns;
  const share = Math.floor(count / ((4 ** levels - 1) / 3));
  if (pass === 0) return rows.subarray(0, (count - share) * columns);
  if (pass === passes.length - 1) return rows.subarray(share * 4 ** (levels - 1) * columns);
  return rows;
}
