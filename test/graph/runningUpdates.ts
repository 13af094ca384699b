import { add, batchStatistics, type Graph, mul, reshape, scalar, type Tensor } from "swinyolo/graph";

/** The running statistics [c] after this batch, as part of the graph. */
export function runningUpdates(g: Graph): Map<string, Tensor> {
  const updates = [...batchStatistics(g)].map(([name, { now, keep, take }]): [string, Tensor] => {
    const old = g.inputs.get(name)!;
    return [name, add(mul(old, scalar(keep)), mul(reshape(now, old.shape), scalar(take)))];
  });
  return new Map(updates);
}
