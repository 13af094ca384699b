import {
  cast,
  compile,
  elements,
  graph,
  type HostArray,
  hostArray,
  input,
  mul,
  type Runtime,
  scalar,
  type Tensor,
  withDropoutMasks,
} from "../../graph/index.js";
import { type Part, paramInputs } from "../../nn/index.js";
import { currentWeights, gradientViews, type TrainState } from "./state.js";

/** A detector whose every layer can be looked at. */
export interface Inspectable {
  readonly module: Part;
  readonly layerOutputs: (x: Tensor) => readonly Tensor[];
  readonly layers: readonly { readonly index: number; readonly module: string }[];
}

/**
 * The first tensor that is not a number, for the message when a loss is not: weights first, then the layers' outputs on the
 * batch in order, then gradients; undefined when all are finite.
 */
export async function firstBadTensor(
  runtime: Runtime,
  model: Inspectable,
  { state, images }: { state: TrainState; images: HostArray },
): Promise<string | undefined> {
  const weights = currentWeights(state);
  const weight = firstBadWeight(state);
  if (weight !== undefined) return weight;
  const { graph: layers, masks } = layerGraph(model, images.shape);
  const program = await compile(runtime, layers);
  const feeds = new Map([...weights, ["images", images] as const]);
  for (const { name, shape } of masks) {
    feeds.set(name, hostArray("float32", shape, new Float32Array(elements(shape)).fill(1)));
  }
  const outputs = await program.run(feeds);
  await program.release();
  for (const { index, module } of model.layers) {
    const output = outputs.get(`layer.${index}`);
    if (output && !allFinite(output.data as Float32Array)) return `output of layer ${index} (${module})`;
  }
  return firstBadGradient(state);
}

/** The same of a state alone: weights first, then gradients. */
export const firstBadNumber = (state: TrainState): string | undefined =>
  firstBadWeight(state) ?? firstBadGradient(state);

function firstBadWeight(state: TrainState): string | undefined {
  for (const [name, { data }] of currentWeights(state))
    if (data instanceof Float32Array && !allFinite(data)) return `weight ${name}`;
  return undefined;
}

function firstBadGradient(state: TrainState): string | undefined {
  for (const [name, { data }] of gradientViews(state, state.gradients))
    if (!allFinite(data as Float32Array)) return `gradient of ${name}`;
  return undefined;
}

function layerGraph(model: Inspectable, shape: readonly number[]) {
  const images = input(shape, { dtype: "uint8", label: "images" });
  const outputs = model.layerOutputs(mul(cast(images, "float32"), scalar(1 / 255)));
  const named = new Map(outputs.map((output, i): [string, Tensor] => [`layer.${i}`, output]));
  return withDropoutMasks(graph(new Map([...paramInputs(model.module), ["images", images]]), named));
}

/** Whether all numbers are finite. */
export function allFinite(data: Float32Array): boolean {
  // A sum of finite numbers may overflow, so only a sum that is not finite is looked at closer.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  return Number.isFinite(sum) || data.every(Number.isFinite);
}
