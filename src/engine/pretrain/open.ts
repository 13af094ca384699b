import { rng } from "../../data/index.js";
import { UserError } from "../../errors/index.js";
import { type HostArray, hostArray, toFloat32 } from "../../graph/index.js";
import { type BlockDefinition, initialState, isSwin, namedParams, type Simmim, simmim } from "../../nn/index.js";
import { openClassifier } from "../classifierModel.js";
import { loadWeights } from "../weights/load.js";
import { type TransferReport, transfer } from "../weights/transfer.js";

/** A network to pretrain, with numbers for all its weights. */
export interface OpenedSimmim {
  readonly model: Simmim;
  /** The encoder's YAML, without classes. */
  readonly yaml: object;
  readonly weights: Map<string, HostArray>;
  /** How weights of a file went in; undefined for fresh ones. */
  readonly report?: TransferReport;
}

export interface SimmimSource {
  readonly model?: string;
  /** Weights to go on from: pretrained ones, or a classifier's, whose head falls away. */
  readonly weights?: string;
  readonly imgsz?: number;
  readonly dropPath?: number;
  readonly extra?: readonly BlockDefinition[];
  readonly seed?: number;
}

/**
 * A Swin Transformer with mask token and decoder: from a YAML, from weights, or both.
 * @throws UserError as `openClassifier` does, and for other families.
 */
export async function openSimmim({ imgsz, ...source }: SimmimSource): Promise<OpenedSimmim> {
  const imageSize = imgsz === undefined ? undefined : ([imgsz, imgsz] as const);
  const opened = await openClassifier({ ...source, imageSize, names: [] });
  if (!isSwin(opened.model))
    throw new UserError(
      `task=pretrain: expected a Swin Transformer (swinv2-nano.yaml), got one of ${opened.model.family}`,
    );
  const model = simmim(opened.model);
  const weights = initialState(model.module, rng(source.seed ?? 0, "simmim"));
  for (const [name, array] of opened.weights) weights.set(`encoder.${name}`, array);
  if (source.weights === undefined) return { model, yaml: opened.yaml, weights };
  // What only pretraining has; the encoder has taken the rest.
  const { tensors } = await loadWeights(source.weights);
  const own = [...namedParams(model.module)].filter(([name]) => name === maskToken || name.startsWith("decoder."));
  const wanted = new Map(own.map(([name, { tensor }]) => [name, { dtype: tensor.dtype, shape: tensor.shape }]));
  const taken = transfer(tensors, wanted);
  for (const [name, array] of taken.tensors) weights.set(name, hostArray("float32", array.shape, toFloat32(array)));
  return { model, yaml: opened.yaml, weights, report: joined(opened.report, taken.report) };
}

const maskToken = "encoder.mask_token";

// Both reports as one; what one part had no use for the other may have taken.
function joined(encoder: TransferReport | undefined, own: TransferReport): TransferReport {
  const inside = (name: string) => `encoder.${name}`;
  const { matched = [], resized = [], missing = [], unused = [], excluded = [] } = encoder ?? {};
  return {
    matched: [...matched.map(inside), ...own.matched],
    resized: [...resized.map((one) => ({ ...one, name: inside(one.name) })), ...own.resized],
    missing: [...missing.map(inside), ...own.missing],
    unused: unused.filter((name) => name !== "mask_token" && !name.startsWith("decoder.")),
    excluded: excluded.map(inside),
  };
}
