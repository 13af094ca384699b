import { fittedWindows, type SwinConfig, stageGrid } from "./config.js";

/**
 * Multiply-adds for a picture by the rule of the official code, whose numbers papers quote as FLOPs: linear layers,
 * attention products and norms, without the network of the position bias. The final norm counts a fourth of the first
 * grid's tokens for every two stages, as the official code does.
 */
export function swinMultiplyAdds(config: SwinConfig, classes: number): number {
  const { embedDim, depths, patch, channels, mlpRatio, patchNorm } = config;
  const windows = fittedWindows(config);
  const tokensOf = (stage: number) => stageGrid(config, config.imageSize, stage).reduce((a, b) => a * b);
  const stages = depths.map((depth, stage) => {
    const dim = embedDim << stage;
    const tokens = tokensOf(stage);
    // norms, qkv and projection, the two products of attention, mlp
    const block = tokens * dim * (2 + 4 * dim + 2 * windows[stage] ** 2 + 2 * dim * mlpRatio);
    const merge = stage < depths.length - 1 ? (tokens / 4) * 4 * dim * 2 * dim + (tokens * dim) / 2 : 0;
    return depth * block + merge;
  });
  const embedding = tokensOf(0) * embedDim * (channels * patch ** 2 + (patchNorm ? 1 : 0));
  const width = embedDim << (depths.length - 1);
  const end = Math.floor((width * tokensOf(0)) / 2 ** depths.length) + width * classes;
  return embedding + stages.reduce((a, b) => a + b, 0) + end;
}
