import { createArena } from "./arena.js";
import { type Graph, lower } from "./graph.js";
import { bytesPerElement } from "./host.js";
import { runOrder } from "./order.js";
import { openTensors } from "./passes/openShapes.js";
import { isView } from "./plan.js";
import { bytesOf, type Node, sizeOf, type Tensor } from "./tensor.js";

/** What ONNX Runtime takes for a graph on the CPU while it runs, in bytes. */
export interface SessionPlan {
  /** Buffers held at once, at their most. */
  readonly held: number;
  /** Memory of the arena that these buffers have touched; it stays with the process. */
  readonly touched: number;
  /** Nodes that run. */
  readonly nodes: number;
}

/**
 * The memory of a graph as ONNX Runtime's CPU provider lays it out, without memory patterns and with outputs that the
 * caller hands in. It differs from liveness (`planMemory`) in three ways. Operators write over an input that nobody else
 * reads. A buffer whose value is dead is kept for the next value of exactly the same shape, however late that comes.
 * Neither happens to values whose shape is left `open`. And the arena splits and rounds.
 */
export function planSession(g: Graph, { open = [] }: { readonly open?: readonly string[] } = {}): SessionPlan {
  const lowered = lower(g);
  const order = runOrder(lowered);
  const buffers = assignBuffers(lowered, order, openTensors(lowered, open));
  const arena = createArena();
  const chunks = new Map<Buffer, ReturnType<typeof arena.alloc>>();
  let [held, most] = [0, 0];
  order.forEach((node, i) => {
    for (const output of node.outputs) {
      const buffer = buffers.get(output);
      if (!buffer || buffer.from !== i || chunks.has(buffer)) continue;
      chunks.set(buffer, arena.alloc(buffer.bytes));
      held += buffer.bytes;
    }
    const scratch = scratchOf(node);
    const extra = scratch > 0 ? arena.alloc(scratch) : undefined;
    most = Math.max(most, held + scratch);
    if (extra) arena.free(extra);
    const read = new Set(node.inputs.map((input) => buffers.get(input)));
    for (const buffer of read) {
      const chunk = buffer && chunks.get(buffer);
      if (!chunk || buffer.until !== i) continue;
      arena.free(chunk);
      chunks.delete(buffer);
      held -= buffer.bytes;
    }
  });
  return { held: most, touched: arena.touched(), nodes: order.length };
}

interface Buffer {
  readonly bytes: number;
  /** Its shape is not known beforehand: no other value gets it. */
  readonly open: boolean;
  /** Values of another shape or element size do not get it. */
  readonly kind: string;
  /** Uses that are still to come while buffers are assigned. */
  left: number;
  /** The node that makes its first value, by place. */
  readonly from: number;
  /** The last node that reads it. */
  until: number;
}

// Operators that may write over an input of the same size.
const inPlace: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(
    ["Abs", "Cast", "Clip", "Exp", "LeakyRelu", "Log", "Neg", "Relu", "Reciprocal", "Sigmoid", "Sqrt", "Tanh"].map(
      (type) => [type, [0]],
    ),
  ),
};

function assignBuffers(g: Graph, order: readonly Node[], open: ReadonlySet<Tensor>): Map<Tensor, Buffer> {
  const uses = new Map<Tensor, number>();
  const handedOut = new Set(g.outputs.values());
  for (const node of order) for (const input of node.inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
  const found = new Map<Tensor, Buffer>();
  const idle = new Map<string, Buffer[]>();
  const drop = (buffer: Buffer | undefined) => {
    if (buffer && --buffer.left === 0 && !buffer.open)
      idle.set(buffer.kind, [...(idle.get(buffer.kind) ?? []), buffer]);
  };
  order.forEach((node, i) => {
    const type = typeOf(node);
    for (const output of node.outputs) {
      // What the caller hands in, and what is seen in another shape of it.
      if (handedOut.has(output) || (type === "Reshape" && !found.has(node.inputs[0]))) continue;
      const kind = kindOf(output);
      const over =
        type === "Reshape"
          ? node.inputs[0]
          : inPlace[type]
              ?.map((at) => node.inputs[at])
              .find((input) => found.get(input)?.left === 1 && kindOf(input) === kind && !open.has(input));
      const known = output.shape.length > 0 && !open.has(output);
      const taken = over ? found.get(over) : known ? idle.get(kind)?.pop() : undefined;
      const fresh = { bytes: bytesOf(output), kind, open: open.has(output), left: 0, from: i };
      const buffer = taken ?? { ...fresh, until: Number.POSITIVE_INFINITY };
      buffer.left += (uses.get(output) ?? 0) + 1;
      found.set(output, buffer);
    }
    for (const input of node.inputs) {
      const buffer = found.get(input);
      if (buffer) buffer.until = i;
      drop(buffer);
    }
    for (const output of node.outputs) drop(found.get(output));
  });
  return found;
}

// A transposition that moves nothing but axes of length 1 is done as a Reshape, or within the product that reads it.
function typeOf(node: Node): string {
  return isView(node) ? "Reshape" : (node.op.onnx?.(node).type ?? node.op.name);
}

const kindOf = ({ dtype, shape }: Tensor): string => `${bytesPerElement[dtype]} ${shape.join("x")}`;

// A transposed convolution multiplies into columns first, a picture at a time: [cOut * kh * kw, h * w].
function scratchOf({ op, inputs }: Node): number {
  if (op.name !== "ConvTranspose") return 0;
  const [x, weight] = inputs;
  return sizeOf(weight.shape.slice(1)) * sizeOf(x.shape.slice(2)) * 4;
}
