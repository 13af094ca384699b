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
 * Compares all tensors of two sides. A difference counts relative to the largest value of its tensor. Some gradients are
 * nothing but rounding (that of a shift which a norm takes away): what is small beside a thousandth of the largest gradient
 * of all, or beside a step of that at the learning rate, is not made larger than it is. A tensor that one side lacks, or of
 * another shape, is infinitely far.
 */
export function agreement(
  a: ReadonlyMap<string, HostArray>,
  b: ReadonlyMap<string, HostArray>,
  { lr = 0 } = {},
): Agreement {
  const gradients = [...b].filter(([name]) => name.startsWith("grad.")).map(([, { data }]) => largest(data));
  const least = Math.max(0, ...gradients) / 1000;
  const leastOf: Readonly<Record<string, number>> = { grad: least, after: lr * least, ema: lr * least };
  let [worst, where] = [0, ""];
  const names = new Set([...a.keys(), ...b.keys()].filter((name) => !isDerived(name)));
  for (const name of names) {
    const distance = apart(a.get(name), b.get(name), leastOf[name.split(".", 1)[0]] ?? 0);
    // A NaN is far away too.
    if (!(distance <= worst)) [worst, where] = [Number.isNaN(distance) ? Infinity : distance, name];
  }
  return { compared: names.size, worst, where };
}

// Constants of window attention, which follow from the window.
const isDerived = (name: string): boolean => name.endsWith(".relative_coords_table");

function apart(a: HostArray | undefined, b: HostArray | undefined, least: number): number {
  if (!a || !b || a.shape.join() !== b.shape.join()) return Infinity;
  const [x, y] = [a.data, b.data];
  let most = 0;
  for (let i = 0; i < x.length; i++) {
    const d = Math.abs(Number(x[i]) - Number(y[i]));
    if (Number.isNaN(d)) return NaN;
    if (d > most) most = d;
  }
  return most === 0 ? 0 : most / Math.max(largest(y), least);
}

function largest(data: HostArray["data"]): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(Number(data[i])));
  return most;
}
