import { type HostArray, hostArray } from "swinyolo/graph";
import { namedParams, type Part } from "swinyolo/nn";

/** Number `i` of the formula that reference nets are filled by, from -0.5 to 0.5. */
export const u = (seed: number, i: number): number => {
  let x = (Math.imul(i + 1, 0x9e3779b1) + Math.imul(seed, 0x85ebca77)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32 - 0.5;
};

/** An array from its numbers' places. */
export const array = (shape: readonly number[], at: (i: number) => number): HostArray => {
  const made = hostArray("float32", shape);
  for (let i = 0; i < made.data.length; i++) made.data[i] = at(i);
  return made;
};

/** Parameters of a Swin net by the formula: the k-th name, sorted, has seed k; norms lie around 1, scales around 2.5. */
export function filledByFormula(part: Part): Map<string, HostArray> {
  const learned = [...namedParams(part)].filter(([, { kind }]) => kind === "parameter");
  return new Map(
    learned
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { tensor }], k) => {
        const norm = /norm\d?\.weight$/.test(name);
        const value = (i: number) => {
          const x = u(k + 1, i);
          return norm ? 1 + x : name.endsWith("logit_scale") ? 2.5 + 4.5 * x : x;
        };
        return [name, array(tensor.shape, value)];
      }),
  );
}
