import type { Tensor } from "../graph/index.js";
import type { Module } from "./module.js";

/** A picture classifier of any family: what training, validation and export need to know of it. */
export interface Classifier<Config = unknown> {
  /** Pictures [b, channels, height, width], normalised, to logits [b, classes]; with 0 classes to pooled features. */
  readonly module: Module<(x: Tensor) => Tensor>;
  /** What every block gives for pictures, by its name, first block first. */
  readonly blockOutputs: (x: Tensor) => ReadonlyMap<string, Tensor>;
  readonly family: string;
  readonly classes: number;
  readonly channels: number;
  /** The only size of pictures it takes. */
  readonly imageSize: readonly [height: number, width: number];
  /** Parameters that weight decay leaves alone. */
  readonly undecayed: (name: string) => boolean;
  /**
   * How deep a parameter lies: 0 for the first layer, up to `depths` - 1 for the head. A layer-wise learning rate is
   * lr * decay ** (depths - 1 - depthOf(name)).
   */
  readonly depthOf: (name: string) => number;
  readonly depths: number;
  /** Parameters whose shape depends on the number of classes. */
  readonly headNames: readonly string[];
  readonly config: Config;
}
