import { UserError } from "../../errors/index.js";
import { castArray, type DType, elements, type HostArray, isFloating } from "../../graph/index.js";
import { type Contents, writeAtomic } from "./files.js";
import { loadWeights, sidecarOf, type Weights } from "./load.js";
import { encodePt } from "./ptWrite.js";
import { safetensorsParts } from "./safetensors.js";
import { beyondFloat16 } from "./transfer.js";

/** What an import wrote. */
export interface Imported {
  tensors: number;
  /** Learned numbers: without running statistics, anchors and other buffers. */
  parameters: number;
  /** Names of entries that are no tensors. */
  skipped: string[];
}

/**
 * Converts weights of any format into a .safetensors (with class names and model in it and in a `.json` beside it) or .pt file.
 * Floating tensors become float32, or float16 with `half`. A failure leaves nothing behind.
 */
export async function importWeights({
  weights,
  out,
  half = false,
}: {
  weights: string;
  out: string;
  half?: boolean;
}): Promise<Imported> {
  const isPt = /\.(pt|pth)$/i.test(out);
  if (!isPt && !/\.safetensors$/i.test(out)) throw new UserError(`out=${out}: .safetensors or .pt expected`);
  const loaded = await loadWeights(weights);
  const tooLarge = half ? beyondFloat16(loaded.tensors) : undefined;
  if (tooLarge) throw new UserError(`${weights}: tensor ${tooLarge} has numbers over 65504, too large for half=true`);
  const tensors = ofType(loaded.tensors, half ? "float16" : "float32");
  await writeAtomic(isPt ? [[out, encodePt(tensors)]] : safetensorsFiles(out, tensors, loaded));
  return { tensors: tensors.size, parameters: countParameters(loaded), skipped: loaded.skipped };
}

/** How many learned numbers the weights hold; without a model to tell them, buffers are known by their names. */
export function countParameters({ tensors, parameters }: Pick<Weights, "tensors" | "parameters">): number {
  let count = 0;
  for (const [name, { dtype, shape }] of tensors) {
    if (parameters ? parameters.has(name) : isFloating(dtype) && !isBuffer(name)) count += elements(shape);
  }
  return count;
}

const buffers =
  /(^|\.)(running_mean|running_var|num_batches_tracked|anchors|anchor_grid|relative_coords_table|relative_position_index|attn_mask)$/;

const isBuffer = (name: string) => buffers.test(name);

const ofType = (tensors: ReadonlyMap<string, HostArray>, dtype: DType) =>
  new Map([...tensors].map(([name, tensor]) => [name, isFloating(tensor.dtype) ? castArray(tensor, dtype) : tensor]));

function safetensorsFiles(out: string, tensors: Map<string, HostArray>, weights: Weights) {
  const { names, modelYaml: model, stride, sidecar = {}, metadata } = weights;
  const about = Object.fromEntries(Object.entries({ names, model, stride }).filter(([, value]) => value !== undefined));
  const texts = Object.fromEntries(Object.entries(about).map(([key, value]) => [key, JSON.stringify(value)]));
  const files: [string, Contents][] = [[out, safetensorsParts(tensors, { ...metadata, ...texts })]];
  const { hyp, metrics, imgsz } = sidecar;
  const beside = { ...about, hyp, metrics, imgsz };
  if (Object.values(beside).some((value) => value !== undefined)) {
    files.push([sidecarOf(out), `${JSON.stringify(beside, null, 1)}\n`]);
  }
  return files;
}
