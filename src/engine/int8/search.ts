import {
  type Graph,
  type HostArray,
  type Node,
  quantizableLayers,
  quantize,
  type Range,
  type Runtime,
  type Tensor,
  toFloat32,
} from "../../graph/index.js";
import { openNetwork } from "./network.js";

/** A layer and how much of the raw maps is left, against the error it makes alone in 8 bits, in decibels. */
export interface Sensitivity {
  readonly layer: Node;
  readonly decibels: number;
}

export interface SearchContext {
  readonly runtime: Runtime;
  readonly g: Graph;
  readonly ranges: ReadonlyMap<Tensor, Range>;
  readonly onProgress?: (text: string) => void;
}

/** Each layer's sensitivity, measured on batches of pictures (uint8), the most sensitive first. */
export async function sensitivities(
  { runtime, g, ranges, onProgress }: SearchContext,
  batches: readonly HostArray[],
): Promise<Sensitivity[]> {
  const exact = await mapsOf(runtime, g, batches);
  const found: Sensitivity[] = [];
  const layers = quantizableLayers(g);
  for (const [i, layer] of layers.entries()) {
    const rough = await mapsOf(runtime, quantize(g, ranges, { keep: (node) => node !== layer }), batches);
    found.push({ layer, decibels: signalToNoise(exact, rough) });
    onProgress?.(`Sensitivity of layers ${i + 1}/${layers.length}`);
  }
  return found.sort((a, b) => a.decibels - b.decibels);
}

async function mapsOf(runtime: Runtime, g: Graph, batches: readonly HostArray[]): Promise<HostArray[]> {
  const network = await openNetwork(runtime, g, (name) => name.startsWith("map."));
  const found: HostArray[] = [];
  for (const batch of batches) found.push(...(await network.run(batch)).maps);
  await network.release();
  return found;
}

/** 10 log10 of the sum of squares over the sum of squared errors. */
export function signalToNoise(exact: readonly HostArray[], rough: readonly HostArray[]): number {
  let [signal, noise] = [0, 0];
  exact.forEach((array, k) => {
    const [x, y] = [toFloat32(array), toFloat32(rough[k])];
    for (let i = 0; i < x.length; i++) {
      signal += x[i] * x[i];
      noise += (x[i] - y[i]) ** 2;
    }
  });
  return 10 * Math.log10(signal / noise);
}

/**
 * The smallest number of first layers of a list that must be kept for `passes`, as far as halving finds it: 0, 1, 2, 4, ...
 * until it holds, then between the last two.
 */
export async function fewestKept(layers: number, passes: (kept: number) => Promise<boolean>): Promise<number> {
  if (await passes(0)) return 0;
  let [fails, holds] = [0, 1];
  while (holds < layers && !(await passes(holds))) [fails, holds] = [holds, holds * 2];
  holds = Math.min(holds, layers);
  while (holds - fails > 1) {
    const middle = Math.floor((fails + holds) / 2);
    if (await passes(middle)) holds = middle;
    else fails = middle;
  }
  return holds;
}
