import { type Graph, rewrite } from "../graph.js";
import { again } from "../ops/again.js";
import { type Division, divisibleOp } from "../ops/divisible.js";
import { concat, split } from "../ops/shape.js";
import type { Node, Tensor } from "../tensor.js";

/**
 * The forward graph with marked values (`divisible`) made part by part, each of which the way back computes again:
 * sequential attention. `partsOf` says into how many parts the mark with this number, counted through the graph, is cut; 1
 * leaves it as it is, and no more are made than the axis is long.
 */
export function inParts(g: Graph, partsOf: (mark: number) => number): Graph {
  let mark = 0;
  return rewrite(g, (node, inputs) => {
    if (node.op !== divisibleOp) return undefined;
    const parts = partsOf(mark++);
    return parts > 1 ? [divided(node, inputs.slice(1), parts)] : undefined;
  });
}

function divided({ attrs }: Node, inputs: readonly Tensor[], parts: number): Tensor {
  const { body, axes, into } = attrs as unknown as Division;
  const length = inputs[0].shape[axes[0]];
  const sizes = partSizes(length, Math.min(parts, length));
  const cut = inputs.map((x, i) => split(x, sizes, axes[i]));
  return concat(
    sizes.map((_, part) =>
      again(
        body,
        cut.map((of) => of[part]),
      ),
    ),
    into,
  );
}

// Sizes that differ by one at most.
const partSizes = (length: number, parts: number): number[] =>
  Array.from({ length: parts }, (_, i) => Math.floor((length * (i + 1)) / parts) - Math.floor((length * i) / parts));
