import fc from "fast-check";
import { type Labels, type Picture, rng } from "swinyolo/data";

/** A picture of noise, the same for the same arguments. */
export function noise(width: number, height: number, seed = 0): Picture {
  const random = rng("noise", width, height, seed);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
}

/** A picture of slow waves. */
export function waves(width: number, height: number, phase = 0): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 128 + 100 * Math.sin((x * (c + 1) + y * 2) / 17 + phase);
  });
  return { width, height, data };
}

/** Pictures of noise of up to 40 pixels a side. */
export const anyPicture = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(1000))
  .map(([width, height, seed]) => noise(width, height, seed));

/** Labels with boxes only. */
export function boxesOf(...rows: readonly (readonly number[])[]): Labels {
  return {
    classes: Int32Array.from(rows, (_, i) => i),
    boxes: Float32Array.from(rows.flat()),
  };
}

/** The largest difference between two pictures' values. */
export function farthest(a: Picture, b: Picture): number {
  return a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - b.data[i])), 0);
}
