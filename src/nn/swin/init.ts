import { constantInit, truncatedNormalInit } from "../init.js";
import type { Children, Init, Param, Part } from "../module.js";

/**
 * The same parts starting as the official code starts them: weights of linear layers normal with deviation 0.02, their
 * biases 0. Norms and the patch convolution keep their own start.
 */
export function withSwinInit(children: Children, prefix = ""): Children {
  return Object.fromEntries(
    Object.entries(children).map(([name, child]) => [name, child && started(child, prefix + name)]),
  );
}

function started(child: Param | Part, name: string): Param | Part {
  if ("children" in child) return { ...child, children: withSwinInit(child.children, `${name}.`) };
  const init = startOf(child, name);
  return init ? { ...child, init } : child;
}

const linearLayers = /(^head|\.qkv|\.proj|\.fc1|\.fc2|\.reduction|\.cpb_mlp\.[02])\.(weight|bias)$/;

function startOf({ kind }: Param, name: string): Init | undefined {
  const kindOf = linearLayers.exec(name)?.[2];
  if (kind !== "parameter" || !kindOf || name.startsWith("patch_embed.")) return undefined;
  return kindOf === "weight" ? truncatedNormalInit(0.02) : constantInit(0);
}
