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

/** The geometric mean of each group's median, and its 95% interval by bootstrap inside the groups. */
export function geometricMean(groups: readonly (readonly number[])[], { draws = 1000 } = {}): Estimate {
  const random = rng("bootstrap", groups.length);
  const again = (values: readonly number[]) => values.map(() => random.choice(values));
  const mean = (of: (values: readonly number[]) => readonly number[]) =>
    Math.exp(groups.reduce((sum, values) => sum + Math.log(median(of(values))), 0) / groups.length);
  const means = Array.from({ length: draws }, () => mean(again)).sort((a, b) => a - b);
  const at = (share: number) => means[Math.round(share * (draws - 1))];
  return { value: mean((values) => values), low: at(0.025), high: at(0.975) };
}

/** Of a ratio the other way round. */
export const inverse = ({ value, low, high }: Estimate): Estimate => ({
  value: 1 / value,
  low: 1 / high,
  high: 1 / low,
});

/** Whether steps have stopped getting faster: the last two are no more than 3% below the best before them. */
export const settled = (ms: readonly number[]): boolean =>
  ms.length >= 3 && Math.min(...ms.slice(-2)) > 0.97 * Math.min(...ms.slice(0, -2));
