/** How often which size of number came, counted as the numbers come, in a fixed number of bins from 0 up. */
export interface Histogram {
  /** Numbers by their absolute value: bin i holds those from i * width on. */
  readonly counts: Float64Array;
  width: number;
  /** The smallest and the largest number that came, sign included; 0 is always between them. */
  low: number;
  high: number;
}

export const bins = 2048;

/** A histogram of nothing. */
export const emptyHistogram = (): Histogram => ({ counts: new Float64Array(bins), width: 0, low: 0, high: 0 });

/** Counts numbers in; where one is larger than the last bin, bins are joined in pairs until it fits. */
export function count(histogram: Histogram, numbers: Float32Array): void {
  const { counts } = histogram;
  let [low, high] = [histogram.low, histogram.high];
  for (let i = 0; i < numbers.length; i++) {
    const x = numbers[i];
    if (x < low) low = x;
    else if (x > high) high = x;
  }
  histogram.low = low;
  histogram.high = high;
  widen(histogram, Math.max(-low, high));
  if (histogram.width === 0) {
    counts[0] += numbers.length;
    return;
  }
  const perWidth = 1 / histogram.width;
  for (let i = 0; i < numbers.length; i++) {
    // The largest number itself may round to the end of the last bin.
    const at = Math.abs(numbers[i]) * perWidth;
    counts[at < bins ? at | 0 : bins - 1]++;
  }
}

function widen(histogram: Histogram, largest: number): void {
  const { counts } = histogram;
  if (histogram.width === 0) {
    histogram.width = largest / bins;
    return;
  }
  while (largest > histogram.width * bins) {
    for (let i = 0; i < bins / 2; i++) counts[i] = counts[2 * i] + counts[2 * i + 1];
    counts.fill(0, bins / 2);
    histogram.width *= 2;
  }
}
