/** The columns of results.csv, as YOLOv5 names them. */
export const resultsColumns = [
  "epoch",
  "train/box_loss",
  "train/obj_loss",
  "train/cls_loss",
  "metrics/precision",
  "metrics/recall",
  "metrics/mAP_0.5",
  "metrics/mAP_0.5:0.95",
  "val/box_loss",
  "val/obj_loss",
  "val/cls_loss",
  "x/lr0",
  "x/lr1",
  "x/lr2",
] as const;

/** The first line of results.csv. */
export const resultsHeader = (): string => headerOf(resultsColumns);

/** Such a line of these columns. */
export const headerOf = (columns: readonly string[]): string =>
  `${columns.map((name) => name.padStart(20)).join(",")}\n`;

/** A line of results.csv: %20.5g for each number. */
export const resultsLine = (values: readonly number[]): string =>
  `${values.map((value) => generalFormat(value, 5).padStart(20)).join(",")}\n`;

/** One epoch of results.csv: numbers by column name. */
export type ResultsRow = Readonly<Record<string, number>>;

/** The rows of results.csv. */
export function parseResults(csv: string): ResultsRow[] {
  const [header = [], ...rows] = csv
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map((line) => line.split(",").map((cell) => cell.trim()));
  return rows.map((cells) => Object.fromEntries(header.map((name, i) => [name, Number(cells[i])])));
}

/** A number as C's %.{digits}g writes it. */
export function generalFormat(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  if (exponent < -4 || exponent >= digits) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    return `${short}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  const plain = value.toFixed(Math.max(0, digits - 1 - exponent));
  return plain.includes(".") ? plain.replace(/\.?0+$/, "") : plain;
}
