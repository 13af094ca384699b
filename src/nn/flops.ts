import { type Attrs, type Graph, type Node, nodes, sizeOf, type Tensor } from "../graph/index.js";

/**
 * Floating-point operations of a traced forward graph: two for every multiply-add of convolutions, linear layers and
 * attention products; padded windows count, norms, activations and interpolation do not. `counts` leaves nodes out.
 */
export function countFlops(
  g: Graph,
  { counts = () => true }: { readonly counts?: (node: Node) => boolean } = {},
): number {
  return nodes(g)
    .filter(counts)
    .reduce((sum, { op, inputs, outputs: [y], attrs }) => sum + 2 * (products[op.name]?.(inputs, y, attrs) ?? 0), 0);
}

type Count = (inputs: readonly Tensor[], y: Tensor, attrs: Attrs) => number;

const products: Readonly<Record<string, Count>> = {
  // every output sees all numbers of one kernel
  Conv: ([, weight], y) => sizeOf(y.shape) * sizeOf(weight.shape.slice(1)),
  // every input meets all numbers of one kernel
  ConvTranspose: ([x, weight]) => sizeOf(x.shape) * sizeOf(weight.shape.slice(1)),
  Gemm: ([a], y, { countedRows }) =>
    y.shape[1] * (sizeOf(a.shape) / y.shape[0]) * ((countedRows as number | undefined) ?? y.shape[0]),
  // A product with a constant is interpolation.
  MatMul: ([a, b], y) => (a.value || b.value ? 0 : sizeOf(y.shape) * a.shape[a.shape.length - 1]),
};
