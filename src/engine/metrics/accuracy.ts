/** What a classifier said of one picture, and what is true. */
export interface Classified {
  /** Of every class, summing to 1. */
  readonly probabilities: Float32Array;
  readonly label: number;
}

/** Shares of pictures whose class is the likeliest one, and one of the five likeliest. */
export interface Accuracy {
  readonly top1: number;
  readonly top5: number;
}

/** The accuracy over pictures; 0 without any. */
export function accuracy(results: readonly Classified[]): Accuracy {
  const share = (most: number) =>
    results.filter(({ probabilities, label }) => rankOf(probabilities, label) < most).length /
    Math.max(results.length, 1);
  return { top1: share(1), top5: share(5) };
}

/** How many classes are likelier than this one; among equal ones the lower number is. */
export function rankOf(probabilities: Float32Array, label: number): number {
  const own = probabilities[label];
  let rank = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] > own || (probabilities[i] === own && i < label)) rank++;
  }
  return rank;
}

/** The numbers of the likeliest classes, likeliest first. */
export const likeliest = (probabilities: Float32Array, most: number): number[] =>
  Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b] - probabilities[a] || a - b)
    .slice(0, most);

/** Which class was taken for which [classes, classes]: rows predicted, columns true. */
export function classConfusion(classes: number, results: readonly Classified[]): Float64Array {
  const matrix = new Float64Array(classes * classes);
  for (const { probabilities, label } of results) matrix[likeliest(probabilities, 1)[0] * classes + label]++;
  return matrix;
}

/** softmax of each row of logits [b, classes]. */
export function softmaxRows(logits: Float32Array, classes: number): Float32Array[] {
  return Array.from({ length: logits.length / classes }, (_, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = row.map((x) => Math.exp(x - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((x) => x / sum);
  });
}
