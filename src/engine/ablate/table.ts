/** A table as Markdown. */
export const tableText = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  [headings, headings.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** Mean and standard deviation (of the sample) of some numbers, and as text: `56.1 ± 0.8`. */
export function meanAndSpread(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(values.length - 1, 1));
  const text = (digits: number) =>
    values.length > 1 ? `${mean.toFixed(digits)} ± ${spread.toFixed(digits)}` : mean.toFixed(digits);
  return { mean, spread, text };
}
