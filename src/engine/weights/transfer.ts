import { castArray, type DType, type HostArray, toFloat32 } from "../../graph/index.js";

/** What a model asks of a tensor. */
export interface Wanted {
  dtype: DType;
  shape: readonly number[];
}

/** What became of every tensor of the model, and of every one of the file. */
export interface TransferReport {
  /** Same name and shape: copied. */
  matched: string[];
  /** Same name, other shape: the model keeps its own. */
  resized: { name: string; from: number[]; to: number[] }[];
  /** The model's, not in the file. */
  missing: string[];
  /** The file's, not in the model. */
  unused: string[];
  /** In both, left out on demand. */
  excluded: string[];
}

/** Buffers that a model makes by itself; a file may leave them out. */
export const isDerived = (name: string): boolean =>
  /(^|\.)(relative_coords_table|relative_position_index|num_batches_tracked|attn_mask)$/.test(name);

/**
 * The tensors of `source` that fit into `target` by name and shape, as the types of `target`, and what became of the others.
 * Names that contain a text of `exclude` stay out.
 */
export function transfer(
  source: ReadonlyMap<string, HostArray>,
  target: ReadonlyMap<string, Wanted>,
  { exclude = [] }: { exclude?: readonly string[] } = {},
): { tensors: Map<string, HostArray>; report: TransferReport } {
  const tensors = new Map<string, HostArray>();
  const report: TransferReport = { matched: [], resized: [], missing: [], unused: [], excluded: [] };
  for (const [name, { dtype, shape }] of target) {
    const found = source.get(name);
    if (!found) {
      if (!isDerived(name)) report.missing.push(name);
    } else if (exclude.some((part) => name.includes(part))) report.excluded.push(name);
    else if (!sameShape(found.shape, shape)) report.resized.push({ name, from: found.shape, to: [...shape] });
    else {
      report.matched.push(name);
      tensors.set(name, castArray(found, dtype));
    }
  }
  for (const name of source.keys()) if (!target.has(name) && !isDerived(name)) report.unused.push(name);
  return { tensors, report };
}

/** The report as text for a terminal: how many were copied, then what was not, lists cut after `most` names. */
export function formatReport(report: TransferReport, { most = 6 }: { most?: number } = {}): string {
  const { matched, resized, missing, unused, excluded } = report;
  const all = matched.length + resized.length + missing.length + excluded.length;
  const changed = resized.map(({ name, from, to }) => `${name} [${from.join(", ")}] -> [${to.join(", ")}]`);
  return [
    `Transferred ${matched.length}/${all} tensors`,
    ...section("resized, so they start anew (file -> model)", changed, most),
    ...section("missing from the file, so they start anew", missing, most),
    ...section("left out on demand", excluded, most),
    ...section("unused, the model has no such tensor", unused, most),
  ].join("\n");
}

/** The first tensor whose numbers a float16 cannot hold, if any: over 65,504. */
export function beyondFloat16(tensors: ReadonlyMap<string, HostArray>): string | undefined {
  for (const [name, tensor] of tensors) {
    if (!tensor.dtype.includes("float") || tensor.dtype === "float16") continue;
    if (toFloat32(tensor).some((x) => Math.abs(x) >= 65520 && Number.isFinite(x))) return name;
  }
  return undefined;
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((d, i) => d === b[i]);

function section(title: string, lines: readonly string[], most: number): string[] {
  if (lines.length === 0) return [];
  const rest = lines.length > most ? [`    ... and ${lines.length - most} more`] : [];
  return [`  ${lines.length} ${title}:`, ...lines.slice(0, most).map((line) => `    ${line}`), ...rest];
}
