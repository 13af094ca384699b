import type { Children, Param, Part } from "../module.js";

const never = /\.bias$|^absolute_pos_embed$|^mask_token$|cpb_mlp|logit_scale|relative_position_bias_table/;

/** Whether a parameter of a Swin is never decayed, by its name there: vectors, and what sets positions and scales. */
export const isNeverDecayed = (name: string, param?: Param): boolean =>
  never.test(name) || (param !== undefined && param.tensor.shape.length <= 1);

/** The same parts with these parameters marked, for optimizers that go by the mark. */
export function withSwinDecay(children: Children, prefix = ""): Children {
  return Object.fromEntries(
    Object.entries(children).map(([name, child]) => [name, child && marked(child, prefix + name)]),
  );
}

function marked(child: Param | Part, name: string): Param | Part {
  if ("children" in child) return { ...child, children: withSwinDecay(child.children, `${name}.`) };
  return child.kind === "parameter" && isNeverDecayed(name, child) ? { ...child, norm: true } : child;
}
