import type { HostArray } from "swinyolo/graph";
import { type Agreement, agreement, tolerance } from "./agree.js";
import type { Contender, Missing, Present } from "./contenders.js";
import { stepRates } from "./prepare.js";

/** A contender that computes the same. */
export interface Ready {
  readonly contender: Present;
  readonly agreement?: Agreement;
}

/** The case that all sides take, and which of them can. */
export interface Checked {
  readonly file: string;
  readonly checked: readonly (Ready | Missing)[];
  /** How far rounding alone moves the first side's gradients, where it says so. */
  readonly moved?: number;
}

export interface CheckOptions {
  readonly name: string;
  /** Writes the case with these pictures; returns its file. */
  readonly write: (pictures: number) => Promise<string>;
  /** Everything that a side computes in a step of a case. */
  readonly results: (contender: Present, file: string) => Promise<Map<string, HostArray>>;
}

/** The tensor by which a side says how far its gradients move when its weights change in the last places. */
export const movedName = "moved";

// Pictures tried in turn; a third or more of them are steady even for the largest case.
const mostPictures = 16;

/**
 * Sees that all sides compute the same as the first. A max-pool whose two largest values are nearly equal gives the whole
 * gradient to one of them, and rounding says which: such pictures say nothing of gradients. So the comparison is on pictures
 * on which the first side's own gradients stay within the tolerance when rounding moves. The few ties that this leaves are
 * settled by the next such pictures: what computes something else differs on all of them.
 * @throws Error when a side differs (one that may refuse is left out), or where no pictures are steady.
 */
export async function checkSides(
  [first, ...others]: readonly [Present, ...Contender[]],
  { name, write, results }: CheckOptions,
): Promise<Checked> {
  if (others.every((other) => "missing" in other)) return unchecked(others, { write });
  let difference: unknown;
  for (let pictures = 0; pictures < mostPictures; pictures++) {
    const file = await write(pictures);
    const { tensors, moved } = split(await results(first, file));
    if (moved !== undefined && !(moved <= tolerance)) continue;
    try {
      const checked: (Ready | Missing)[] = [];
      for (const other of others) {
        checked.push("missing" in other ? other : await checkOne(other, tensors, () => results(other, file)));
      }
      return { file, checked, moved };
    } catch (error) {
      const found = error instanceof Error ? new Error(`${name}, ${error.message}`) : error;
      if (difference) throw found;
      difference = found;
    }
  }
  throw (
    difference ?? new Error(`${name}: rounding alone moves our gradients too far on all of ${mostPictures} pictures`)
  );
}

/** The first pictures, nothing compared. */
export async function unchecked(
  others: readonly Contender[],
  { write }: Pick<CheckOptions, "write">,
): Promise<Checked> {
  return { file: await write(0), checked: others.map((other) => ("missing" in other ? other : { contender: other })) };
}

async function checkOne(
  contender: Present,
  first: ReadonlyMap<string, HostArray>,
  results: () => Promise<Map<string, HostArray>>,
): Promise<Ready | Missing> {
  const { name, compares, mayRefuse } = contender;
  try {
    const shared = compares ? new Map([...first].filter(([tensor]) => compares(tensor))) : first;
    const agreed = agreement(shared, split(await results()).tensors, { lr: stepRates.lr });
    if (agreed.worst <= tolerance) return { contender, agreement: agreed };
    throw new Error(
      `it does not compute the same: ${agreed.where} is off by ${agreed.worst.toExponential(1)} of its largest value, ${tolerance} is allowed`,
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!mayRefuse) throw new Error(`${name}: ${why}`);
    return { name, missing: reason(why) };
  }
}

function split(found: ReadonlyMap<string, HostArray>): { tensors: Map<string, HostArray>; moved?: number } {
  const tensors = new Map(found);
  const moved = tensors.get(movedName);
  tensors.delete(movedName);
  return { tensors, ...(moved && { moved: Number(moved.data[0]) }) };
}

// The line that says most: an assertion of OpenCV's, or else the last.
function reason(message: string): string {
  const lines = message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.length > 1);
  const line =
    lines.findLast((text) => /\berror: \(-\d+/.test(text) && / in function /.test(text)) ?? lines.at(-1) ?? "";
  return line.replace(/^.*\berror: (?=\(-\d+)/, "");
}
