import { UserError } from "../../errors/index.js";

/** What is compared: ways of the position bias over window sizes, or places of norms and kinds of attention by amplitude. */
export const ablationKinds = ["bias", "stability"] as const;
export type AblationKind = (typeof ablationKinds)[number];

interface Kind {
  /** What of a `swinv2` section each variant sets. */
  readonly variants: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Those compared where nothing is said. */
  readonly usual: readonly string[];
  readonly seeds: readonly number[];
}

/** The paper's ablations: table 1 (position bias), and figures 2 and 3 with table 6 (norm and attention). */
export const kinds: Readonly<Record<AblationKind, Kind>> = {
  bias: {
    variants: { table: { bias: "table" }, linear: { bias: "linear" }, log: { bias: "log" } },
    usual: ["table", "linear", "log"],
    seeds: [0, 1, 2],
  },
  stability: {
    variants: {
      "pre-dot": { norm: "pre", attention: "dot" },
      "pre-cosine": { norm: "pre", attention: "cosine" },
      "res-post-dot": { norm: "res-post", attention: "dot" },
      "res-post-cosine": { norm: "res-post", attention: "cosine" },
    },
    usual: ["pre-dot", "res-post-cosine"],
    seeds: [0],
  },
};

/**
 * The variants of a text such as `table,log`, or the usual ones.
 * @throws UserError for an unknown name.
 */
export function variantsOf(kind: AblationKind, text: string | undefined): string[] {
  const { variants, usual } = kinds[kind];
  const names = text?.split(/[\s,]+/).filter((name) => name !== "") ?? [...usual];
  const wrong = names.find((name) => !Object.hasOwn(variants, name));
  if (wrong !== undefined || names.length === 0)
    throw new UserError(`variants=${text}: expected some of ${Object.keys(variants).join(", ")}`);
  return [...new Set(names)];
}
