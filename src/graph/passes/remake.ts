import { type Graph, rewrite } from "../graph.js";
import { nothingOf } from "../ops/again.js";
import { laterReadOp } from "../ops/laterRead.js";
import { bytesOf } from "../tensor.js";

/**
 * A graph that holds its own gradients, with values that cost little made again on the way back (`op.remake`) from others that
 * are kept anyway. The numbers stay the same.
 */
export const remake = (g: Graph, { least = 2 ** 20 }: RemakeOptions = {}): Graph =>
  rewrite(g, ({ op }, [x, dy]) => {
    if (op !== laterReadOp) return undefined;
    const { node } = x;
    return [(node && bytesOf(x) >= least && node.op.remake?.(node, nothingOf(dy))) || x];
  });

export interface RemakeOptions {
  /** Values of fewer bytes are kept: what runs for them would cost more than it saves. */
  readonly least?: number;
}
