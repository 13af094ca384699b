import { rng } from "swinyolo/data";

/** The middle of some numbers, the mean of the two middle ones where their count is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A value and the interval that holds it with 95% confidence. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The median of values and its 95% interval by bootstrap: medians of as many values drawn again with repeats. */
export function medianInterval(values: readonly number[], { draws = 4000 } = {}): Estimate {
  const random = rng("bootstrap", values.length);
  const medians = Array.from({ length: draws }, () => median(values.map(() => random.choice(values))));
  medians.sort((a, b) => a - b);
  const at = (share: number) => medians[Math.round(share * (draws - 1))];
  return { value: median(values), low: at(0.025), high: at(0.975) };
}
