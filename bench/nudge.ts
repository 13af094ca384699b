import { rng } from "swinyolo/data";
import { type HostArray, hostArray } from "swinyolo/graph";

/**
 * The same numbers with every `.weight` some units in the last place off, up or down: as much as rounding does, in all
 * layers at once.
 */
export function nudged(
  weights: ReadonlyMap<string, HostArray>,
  seed: number,
  { units = 4 } = {},
): Map<string, HostArray> {
  const random = rng("nudge", seed);
  return new Map(
    [...weights].map(([name, array]) => {
      if (!name.endsWith(".weight") || array.dtype !== "float32") return [name, array];
      const data = Float32Array.from(array.data as Float32Array);
      const bits = new Int32Array(data.buffer);
      // Zeros stay.
      for (let i = 0; i < bits.length; i++) if (data[i] !== 0) bits[i] += random.int(2) === 0 ? units : -units;
      return [name, hostArray("float32", array.shape, data)];
    }),
  );
}
