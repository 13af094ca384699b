import { blank, type Picture, resizeInto } from "../../data/index.js";

/** Pictures of one size in rows, with a thin white line between them. */
export function sheet(rows: readonly (readonly Picture[])[], { gap = 4 } = {}): Picture {
  const [{ width, height }] = rows[0];
  const columns = Math.max(...rows.map((row) => row.length));
  const whole = { width: columns * (width + gap) - gap, height: rows.length * (height + gap) - gap };
  const canvas = blank(whole, [255, 255, 255]);
  for (const [y, row] of rows.entries())
    for (const [x, picture] of row.entries())
      resizeInto(canvas, picture, { left: x * (width + gap), top: y * (height + gap), width, height });
  return canvas;
}
