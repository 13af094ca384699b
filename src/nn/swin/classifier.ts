import { UserError } from "../../errors/index.js";
import { reduceMean, type Tensor } from "../../graph/index.js";
import type { Classifier } from "../classifier.js";
import { layerNorm, linear } from "../layers/basic.js";
import { type Children, module, namedParams } from "../module.js";
import { type SwinBackbone, type SwinRunOptions, swinBackbone } from "./backbone.js";
import { checkGrid, type SwinConfig, type SwinOptions, swinConfig, withoutGaps } from "./config.js";
import { isNeverDecayed } from "./decay.js";
import { withSwinInit } from "./init.js";

/** What of a configuration a run decides. */
export type SwinRun = Partial<
  Pick<SwinOptions, "imageSize" | "window" | "pretrainedWindow" | "dropPath" | "drop" | "attnDrop" | "channels">
> & {
  /** 0: no head, the result is the pooled features. */
  readonly classes?: number;
};

/** A Swin classifier with its parts in reach. */
export interface SwinClassifier extends Classifier<SwinConfig> {
  readonly family: "swinv2";
  readonly backbone: SwinBackbone;
  /** What every part makes of pictures; the last two are [b, width] and [b, classes]. */
  readonly features: (x: Tensor, how?: SwinRunOptions) => SwinFeatures;
}

export interface SwinFeatures extends ReturnType<SwinBackbone["run"]> {
  readonly normalised: Tensor;
  readonly pooled: Tensor;
  readonly logits: Tensor;
}

/**
 * A Swin Transformer classifier under the official names of its weights; nothing is allocated for these.
 * @throws UserError where the picture size does not divide into windows.
 */
export function buildSwinClassifier(options: SwinOptions, { classes = 1000, ...run }: SwinRun = {}): SwinClassifier {
  const config = swinConfig({ ...options, ...withoutGaps(run) });
  checkGrid(config);
  const backbone = swinBackbone(config, { fitted: config.imageSize });
  const width = backbone.widths[backbone.widths.length - 1];
  const norm = layerNorm(width);
  const head = classes > 0 ? linear(width, classes) : undefined;
  const features = (x: Tensor, how?: SwinRunOptions): SwinFeatures => {
    const [height, width] = config.imageSize;
    if (x.shape[2] !== height || x.shape[3] !== width) {
      throw new UserError(`got pictures of ${x.shape[2]} x ${x.shape[3]}, expected ${height} x ${width}`);
    }
    const { embedded, stages } = backbone.run(x, how);
    const normalised = norm(stages[stages.length - 1].tokens);
    const pooled = reduceMean(normalised, { axes: [1] });
    return { embedded, stages, normalised, pooled, logits: head ? head(pooled) : pooled };
  };
  const children: Children = withSwinInit({ ...backbone.children, norm, head });
  return {
    module: module(children, (x: Tensor) => features(x).logits),
    features,
    blockOutputs: (x) =>
      new Map(
        features(x).stages.flatMap(({ blocks }, i) =>
          blocks.map((tokens, j) => [`layers.${i}.blocks.${j}`, tokens] as const),
        ),
      ),
    backbone,
    family: "swinv2",
    classes,
    channels: config.channels,
    imageSize: config.imageSize,
    config,
    headNames: head ? ["head.weight", "head.bias"] : [],
    undecayed: undecayedOf(children),
    depthOf: depthIn(config),
    depths: config.depths.reduce((a, b) => a + b, 0) + 2,
  };
}

/** Whether a classifier is a Swin Transformer's, with its parts in reach. */
export const isSwin = (model: Classifier): model is SwinClassifier => model.family === "swinv2";

// Vectors and what sets positions and scales.
function undecayedOf(children: Children): (name: string) => boolean {
  const params = namedParams({ children });
  return (name) => isNeverDecayed(name, params.get(name));
}

// Patch embedding 0; blocks from 1, counted through the stages; a merge as the last block before it; norm and head last.
const depthIn =
  ({ depths }: SwinConfig) =>
  (name: string): number => {
    if (/^(patch_embed\.|mask_token$)/.test(name)) return 0;
    const upTo = (stage: number) => depths.slice(0, stage).reduce((a, b) => a + b, 0);
    const block = /^layers\.(\d+)\.blocks\.(\d+)\./.exec(name);
    if (block) return upTo(Number(block[1])) + Number(block[2]) + 1;
    const merge = /^layers\.(\d+)\.downsample\./.exec(name);
    return merge ? upTo(Number(merge[1]) + 1) : upTo(depths.length) + 1;
  };
