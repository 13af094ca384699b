import { type Graph, graph, lower, nodes } from "../graph.js";
import { apply, type Op } from "../op.js";
import { nothingOf } from "../ops/again.js";
import { boundaryGradientOp, boundaryOp } from "../ops/boundary.js";
import { add } from "../ops/elementwise.js";
import { bytesOf, type Node, sizeOf, type Tensor } from "../tensor.js";

export interface RecomputeOptions {
  /** Compute only operators again that cost little (`op.cheap`), and keep the results of convolutions and products. */
  readonly cheapOnly?: boolean;
  /** The blocks to compute again, by the number of the boundary behind them (`checkpointBlocks`); all where left out. */
  readonly only?: readonly number[];
}

/**
 * Activation checkpointing of a graph that holds its own gradients: the way back computes the inside of each block
 * between two boundaries again from the block's inputs, instead of keeping it. The numbers stay the same. Blocks without
 * a boundary before or behind them are kept.
 */
export function recompute(g: Graph, { cheapOnly = false, only }: RecomputeOptions = {}): Graph {
  const marked = lower(g, { keep: isMark });
  const order = nodes(marked);
  const map = mapOf(order);
  const chosen = only && new Set(only.map((number) => map.numbers[number]));
  // ONNX Runtime would merge a recomputed node with the original one if both had the same inputs; so what a block is
  // recomputed from is its input plus nothing, 0 * dy, which also ties it to the moment when the gradient arrives.
  const blocks = new Map<number, Block>();
  const known = new Map<Tensor, Tensor>();
  const now = (x: Tensor) => known.get(x) ?? x;

  const guarded = (x: Tensor, block: Block): Tensor => {
    const same = now(x);
    if (x.dtype !== "float32" || x.shape.length === 0) return same;
    if (!block.guarded.has(same)) block.guarded.set(same, add(same, block.nothing));
    return block.guarded.get(same)!;
  };

  // The tensor that stands for the forward value x on the way back through a block.
  const again = (x: Tensor, at: number, block: Block): Tensor => {
    const node = x.node;
    if (!node || map.region.has(node) || !map.marked.has(node)) return now(x);
    const border = map.borders.get(x);
    if (border !== undefined) return border === at ? now(x) : guarded(x, block);
    if (isSmall(x) || !belongs(map, node, at)) return now(x);
    if (cheapOnly && !node.op.cheap) return guarded(x, block);
    let copies = block.copies.get(node);
    if (!copies) {
      const inputs = node.inputs.map((input) => again(input, at, block));
      const same = inputs.every((input, i) => input === now(node.inputs[i]));
      copies = same ? node.outputs.map(now) : apply(node.op, inputs, node.attrs);
      block.copies.set(node, copies);
    }
    return copies[x.index];
  };

  let changed = false;
  for (const node of order) {
    const at = map.region.get(node);
    const block = at === undefined ? undefined : blocks.get(at);
    const keep = (outputs: readonly Tensor[]) => {
      for (const [i, old] of node.outputs.entries()) known.set(old, outputs[i]);
    };
    if (isMark(node.op)) {
      keep([now(node.inputs[0])]);
      if (at !== undefined && (chosen?.has(at) ?? true)) blocks.set(at, newBlock(now(node.inputs[0])));
    } else if (at === undefined || !block) {
      const inputs = node.inputs.map(now);
      changed ||= inputs.some((x, i) => x !== node.inputs[i]);
      keep(changed ? apply(node.op, inputs, node.attrs) : node.outputs);
    } else {
      keep(
        apply(
          node.op,
          node.inputs.map((x) => again(x, at, block)),
          node.attrs,
        ),
      );
    }
  }
  return graph(marked.inputs, new Map([...marked.outputs].map(([name, x]) => [name, now(x)])));
}

/** What lies between two boundaries. */
export interface CheckpointBlock {
  /** Of the boundary behind it, counted from 0 through the graph. */
  readonly number: number;
  /** Bytes of its values that the way back reads: about what computing it again saves. */
  readonly kept: number;
  /** Its nodes on the way there. */
  readonly nodes: ReadonlySet<Node>;
}

/** The blocks that `recompute` may compute again, and the graph that their nodes are in. */
export function checkpointBlocks(g: Graph): { graph: Graph; blocks: CheckpointBlock[] } {
  const marked = lower(g, { keep: isMark });
  const order = nodes(marked);
  const { numbers, block, region } = mapOf(order);
  const read = new Set(order.filter((node) => region.has(node)).flatMap(({ inputs }) => inputs));
  const found = numbers.map((at, number) => {
    const inside = new Set(order.filter((node) => block.get(node) === at && !isMark(node.op)));
    const values = [...inside].flatMap(({ outputs }) => outputs.filter((output) => read.has(output)));
    const kept = values.reduce((sum, value) => sum + bytesOf(value), 0);
    return { number, kept, nodes: inside };
  });
  return { graph: marked, blocks: found.filter(({ kept }) => kept > 0) };
}

const isMark = (op: Op): boolean => op === boundaryOp || op === boundaryGradientOp;

/** The way back through one block. */
interface Block {
  /** 0 * dy[0], shape [1]. */
  readonly nothing: Tensor;
  readonly guarded: Map<Tensor, Tensor>;
  readonly copies: Map<Node, readonly Tensor[]>;
}

const newBlock = (dy: Tensor): Block => ({
  nothing: nothingOf(dy),
  guarded: new Map(),
  copies: new Map(),
});

/** Where nodes stand; a block is named by the place of the boundary behind it. */
interface GraphMap {
  readonly place: ReadonlyMap<Node, number>;
  /** Places of the boundaries, in order. */
  readonly numbers: readonly number[];
  /** Nodes that depend on a boundary. */
  readonly marked: ReadonlySet<Node>;
  /** For nodes on the way back: the block whose gradient they take part in. */
  readonly region: ReadonlyMap<Node, number>;
  /** For nodes on the way there: the block they are in. */
  readonly block: ReadonlyMap<Node, number>;
  /** For values that cross a boundary, before and behind it: its place. */
  readonly borders: ReadonlyMap<Tensor, number>;
  /** Where the way back through a block begins. */
  readonly back: ReadonlyMap<number, number>;
}

function mapOf(order: readonly Node[]): GraphMap {
  const place = new Map(order.map((node, i) => [node, i]));
  const marked = new Set<Node>();
  const region = new Map<Node, number>();
  const block = new Map<Node, number>();
  const borders = new Map<Tensor, number>();
  const back = new Map<number, number>();
  const least = (found: Map<Node, number>, node: Node, value: number | undefined) => {
    if (value !== undefined) found.set(node, Math.min(found.get(node) ?? value, value));
  };
  order.forEach((node, i) => {
    for (const { node: before } of node.inputs) {
      if (!before) continue;
      if (marked.has(before)) marked.add(node);
      least(region, node, region.get(before));
    }
    if (node.op === boundaryOp) {
      marked.add(node);
      for (const x of [node.inputs[0], node.outputs[0]]) if (!borders.has(x)) borders.set(x, i);
    } else if (node.op === boundaryGradientOp) {
      const border = place.get(node.inputs[1].node as Node) as number;
      least(region, node, border);
      back.set(border, i);
    }
  });
  for (const node of order.toReversed()) {
    if (region.has(node)) continue;
    const behind = node.op === boundaryOp ? place.get(node) : block.get(node);
    for (const { node: before } of node.inputs) if (before && before.op !== boundaryOp) least(block, before, behind);
  }
  const numbers = order.flatMap((node, i) => (node.op === boundaryOp ? [i] : []));
  return { place, numbers, marked, region, block, borders, back };
}

// In the block, or made by a rule of gradients for the way back through it.
function belongs({ place, block, back }: GraphMap, node: Node, at: number): boolean {
  const own = block.get(node);
  return own === undefined ? (place.get(node) as number) > (back.get(at) ?? Number.POSITIVE_INFINITY) : own === at;
}

// Sums over much of a tensor cost little to keep and a whole pass to make.
const isSmall = ({ shape, node }: Tensor): boolean =>
  sizeOf(shape) * 64 <= Math.max(...(node as Node).inputs.map((input) => sizeOf(input.shape)));
