import { colours, noteColours } from "./colour.js";

/** What a command writes to: results for programs or people on standard output, everything else on standard error. */
export interface Output {
  readonly json: boolean;
  /** A line of a result for people; nothing in JSON mode. */
  line(text?: string): void;
  /** A result for programs; nothing otherwise. */
  object(value: object): void;
  /** A remark, on standard error. */
  note(text: string): void;
  /** What is going on right now: one line that changes on a terminal, now and then a line elsewhere. */
  progress(text: string, options?: { every?: number }): void;
  /** Ends the changing line. */
  clear(): void;
}

/** The output of a command; `json` as the option says. */
export function createOutput(json: boolean): Output {
  const terminal = Boolean(process.stderr.isTTY);
  let shown = false;
  let last = 0;
  const clear = () => {
    if (shown) process.stderr.write("\r\x1b[2K");
    shown = false;
  };
  return {
    json,
    clear,
    line(text = "") {
      clear();
      if (!json) process.stdout.write(`${text}\n`);
    },
    object(value) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
    note(text) {
      clear();
      process.stderr.write(`${text}\n`);
    },
    progress(text, { every = 10_000 } = {}) {
      const now = performance.now();
      if (terminal) {
        if (now - last < 80 && shown) return;
        last = now;
        process.stderr.write(`\r\x1b[2K${cut(text, process.stderr.columns ?? 100)}`);
        shown = true;
      } else if (now - last >= every) {
        last = now;
        process.stderr.write(`${text}\n`);
      }
    },
  };
}

const cut = (text: string, width: number): string => (text.length < width ? text : text.slice(0, width - 1));

/** A bar of `width` characters for a share from 0 to 1. */
export function bar(share: number, width = 16): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * width);
  return `${"━".repeat(full)}${noteColours.dim("━".repeat(width - full))}`;
}

/** Seconds as `42 s`, `3 min 05 s` or `1 h 02 min`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

/** Seconds an epoch takes, everything included, from the epochs so far. */
export function createPace(): (event: { readonly epoch: number; readonly seconds: number }) => number {
  let first: { at: number; epoch: number } | undefined;
  return ({ epoch, seconds }) => {
    first ??= { at: performance.now() - seconds * 1000, epoch: epoch - 1 };
    return (performance.now() - first.at) / 1000 / (epoch - first.epoch);
  };
}

/** Columns of text under headings; numbers to the right, texts to the left. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String));
  const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const right = headings.map(
    (_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === "number" || /^[\d.,-]*$/.test(String(row[i]))),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return [colours.dim(format(headings)), ...cells.map(format)].join("\n");
}
