import { type HostArray, hostArray } from "../../graph/index.js";

/** A map of tokens cut into windows: rows and columns of tokens, the window's side and the shift. */
export interface WindowGrid {
  readonly height: number;
  readonly width: number;
  readonly window: number;
  readonly shift: number;
}

/** Rows and columns padded to whole windows. */
export const paddedSize = ({ height, width, window }: WindowGrid): [number, number] => [
  Math.ceil(height / window) * window,
  Math.ceil(width / window) * window,
];

/**
 * Where the tokens of every window come from: for windows * (window * window) places the token of [height * width], or that
 * number itself (a row of zeros) for padding; and the inverse, for each token its place. The map is padded right and
 * below, rolled by -shift on both axes, then cut.
 */
export function windowIndex(grid: WindowGrid): { index: number[]; inverse: number[] } {
  const { height, width, window, shift } = grid;
  const [rows, columns] = paddedSize(grid);
  const tokens = height * width;
  const index: number[] = [];
  const inverse = new Array<number>(tokens).fill(0);
  for (let top = 0; top < rows; top += window) {
    for (let left = 0; left < columns; left += window) {
      for (let i = 0; i < window * window; i++) {
        const row = (top + Math.floor(i / window) + shift) % rows;
        const column = (left + (i % window) + shift) % columns;
        const inside = row < height && column < width;
        const token = inside ? row * width + column : tokens;
        if (inside) inverse[token] = index.length;
        index.push(token);
      }
    }
  }
  return { index, inverse };
}

/** The attention mask of shifted windows [windows, n, n]: -100 between tokens that were apart before the roll. */
export function shiftMask(grid: WindowGrid): Float32Array {
  const { window, shift } = grid;
  const [rows, columns] = paddedSize(grid);
  const n = window * window;
  const region = (at: number, size: number) => (at < size - window ? 0 : at < size - shift ? 1 : 2);
  const mask = new Float32Array((rows / window) * (columns / window) * n * n);
  let at = 0;
  for (let top = 0; top < rows; top += window) {
    for (let left = 0; left < columns; left += window) {
      const regions = Array.from({ length: n }, (_, i) => {
        const [row, column] = [top + Math.floor(i / window), left + (i % window)];
        return region(row, rows) * 3 + region(column, columns);
      });
      for (const a of regions) for (const b of regions) mask[at++] = a === b ? 0 : -100;
    }
  }
  return mask;
}

/**
 * The four masks that windows of a shifted grid have [4, n, n]: inner, last column, last row, corner; and which of them each
 * window has.
 */
export function shiftPatterns(grid: WindowGrid): { masks: Float32Array; pattern: number[] } {
  const { window } = grid;
  const masks = shiftMask({ ...grid, height: 2 * window, width: 2 * window });
  const [rows, columns] = paddedSize(grid).map((side) => side / window);
  const pattern = Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return (row === rows - 1 ? 2 : 0) + (column === columns - 1 ? 1 : 0);
  });
  return { masks, pattern };
}

/**
 * Relative coordinates [1, 2h - 1, 2w - 1, 2] (row offset, column offset): offsets over (pretrained window - 1) or the
 * window's own; `log`: t = 8 times that, then sign(t) log2(|t| + 1) / log2(8). Swin V2 paper, eq. 4.
 */
export function relativeCoordsTable(
  [h, w]: readonly [number, number],
  pretrained: readonly [number, number],
  spacing: "log" | "linear" = "log",
): HostArray {
  const scaled = (offset: number, own: number, before: number) => {
    if (offset === 0) return 0; // also where the window is a single token
    const share = offset / ((before > 0 ? before : own) - 1);
    return spacing === "linear" ? share : (Math.sign(share) * Math.log2(Math.abs(8 * share) + 1)) / 3;
  };
  const data = new Float32Array((2 * h - 1) * (2 * w - 1) * 2);
  let at = 0;
  for (let i = 1 - h; i < h; i++) {
    for (let j = 1 - w; j < w; j++) {
      data[at++] = scaled(i, h, pretrained[0]);
      data[at++] = scaled(j, w, pretrained[1]);
    }
  }
  return hostArray("float32", [1, 2 * h - 1, 2 * w - 1, 2], data);
}

/** For each pair of tokens (query, key) of a window its row in the table: [n, n]. */
export function relativePositionIndex([h, w]: readonly [number, number]): HostArray {
  const n = h * w;
  const data = new BigInt64Array(n * n);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      const rows = Math.floor(a / w) - Math.floor(b / w) + h - 1;
      const columns = (a % w) - (b % w) + w - 1;
      data[a * n + b] = BigInt(rows * (2 * w - 1) + columns);
    }
  }
  return hostArray("int64", [n, n], data);
}
