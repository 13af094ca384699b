import type { Classifier } from "../../nn/index.js";
import type { ParameterGroups } from "./state.js";

/** What of a network its parameters' rates go by. */
export type Deep = Pick<Classifier, "depthOf" | "depths" | "undecayed">;

export interface DepthGroups extends ParameterGroups {
  /** On the learning rate. */
  readonly factor: (group: string) => number;
  readonly decays: (group: string) => boolean;
}

/** Parameters by whether they decay and, with a layer-wise rate, by their depth. */
export function groupsOf(model: Deep, { layer_decay }: { readonly layer_decay: number }): DepthGroups {
  const depths = layer_decay === 1 ? [model.depths - 1] : Array.from({ length: model.depths }, (_, depth) => depth);
  const nameOf = (depth: number, decays: boolean) => `${decays ? "decayed" : "plain"}.${depth}`;
  return {
    names: depths.flatMap((depth) => [nameOf(depth, true), nameOf(depth, false)]),
    of: (name) => nameOf(layer_decay === 1 ? model.depths - 1 : model.depthOf(name), !model.undecayed(name)),
    factor: (group) => layer_decay ** (model.depths - 1 - Number(group.split(".")[1])),
    decays: (group) => group.startsWith("decayed"),
  };
}
