/** How far a result was from what was expected, where it was furthest relative to its bound. */
export interface Verdict {
  passed: boolean;
  error: number;
  bound: number;
  /** What is wrong, or where the worst place is. */
  detail: string;
}

/** The verdict that counts for all: a failed one before passed ones, then the largest error by its bound. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  let found = pass;
  for (const verdict of verdicts) {
    if (found.passed !== verdict.passed ? !verdict.passed : share(verdict) > share(found)) found = verdict;
  }
  return found;
}

/** A verdict on one number: passed up to and including the bound; what is not a number never passes. */
export const within = (error: number, bound: number, detail = ""): Verdict => ({
  passed: error <= bound,
  error,
  bound,
  detail,
});

export const pass: Verdict = { passed: true, error: 0, bound: 0, detail: "" };
export const fail = (detail: string): Verdict => ({ passed: false, error: Number.NaN, bound: 0, detail });

/** How much of its bound an error takes. */
const share = ({ error, bound }: Verdict): number =>
  error === 0 ? 0 : bound > 0 && !Number.isNaN(error) ? error / bound : Number.POSITIVE_INFINITY;
