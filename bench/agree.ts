import type { HostArray } from "swinyolo/graph";

/** How far two sides are apart. */
export interface Agreement {
  readonly compared: number;
  /** The largest difference, relative to the bound's scale, and where it is. */
  readonly worst: number;
  readonly where: string;
}

/** The largest difference that counts as agreement, relative to the largest value of a tensor. */
export const tolerance = 1e-3;

/**
 * Compares all tensors of two sides. A difference counts relative to the largest value of its tensor; a gradient's also to
 * a thousandth of the largest gradient of all, because some are nothing but rounding (that of a shift which a norm takes
 * away). A tensor that one side lacks, or of another shape, is infinitely far.
 */
export function agreement(a: ReadonlyMap<string, HostArray>, b: ReadonlyMap<string, HostArray>): Agreement {
  const gradients = [...b].filter(([name]) => isGradient(name)).map(([, { data }]) => largest(data as Float32Array));
  const least = Math.max(0, ...gradients) / 1000;
  let [worst, where] = [0, ""];
  const names = new Set([...a.keys(), ...b.keys()].filter((name) => !isDerived(name)));
  for (const name of names) {
    const distance = apart(a.get(name), b.get(name), isGradient(name) ? least : 0);
    // A NaN is far away too.
    if (!(distance <= worst)) [worst, where] = [Number.isNaN(distance) ? Infinity : distance, name];
  }
  return { compared: names.size, worst, where };
}

const isGradient = (name: string): boolean => name.startsWith("grad.");

// Constants of window attention, which follow from the window.
const isDerived = (name: string): boolean => name.endsWith(".relative_coords_table");

function apart(a: HostArray | undefined, b: HostArray | undefined, least: number): number {
  if (!a || !b || a.shape.join() !== b.shape.join()) return Infinity;
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  let most = 0;
  for (let i = 0; i < x.length; i++) {
    const d = Math.abs(x[i] - y[i]);
    if (Number.isNaN(d)) return NaN;
    if (d > most) most = d;
  }
  return most === 0 ? 0 : most / Math.max(largest(y), least);
}

function largest(data: Float32Array): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i]));
  return most;
}
