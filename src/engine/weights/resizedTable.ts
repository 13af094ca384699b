import { type HostArray, hostArray, toFloat32 } from "../../graph/index.js";

/**
 * A table of values on a square grid, [n, c] or [1, n, c], for a grid of another side: bicubic (a = -0.75), borders
 * repeated, corners not aligned, as PyTorch interpolates. As it is where the shape fits or is no such table.
 */
export function resizedTable(table: HostArray, shape: readonly number[]): HostArray {
  const [n, c] = table.shape.slice(-2);
  const [to, width] = shape.slice(-2);
  const [from, side] = [Math.sqrt(n), Math.sqrt(to)];
  const fits = n === to || c !== width || !Number.isInteger(from) || !Number.isInteger(side);
  if (fits || table.shape.length !== shape.length) return table;
  const source = toFloat32(table);
  const data = new Float32Array(to * c);
  const taps = Array.from({ length: side }, (_, i) => tapsAt(((i + 0.5) * from) / side - 0.5, from));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      for (const [row, p] of taps[y]) {
        for (const [column, q] of taps[x]) {
          for (let k = 0; k < c; k++) data[(y * side + x) * c + k] += p * q * source[(row * from + column) * c + k];
        }
      }
    }
  }
  return hostArray("float32", [...shape], data);
}

// The four places around a point and their weights.
function tapsAt(at: number, size: number): [place: number, weight: number][] {
  const first = Math.floor(at);
  return [-1, 0, 1, 2].map((offset) => [
    Math.min(Math.max(first + offset, 0), size - 1),
    cubic(Math.abs(at - first - offset)),
  ]);
}

function cubic(x: number, a = -0.75): number {
  if (x <= 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
}
