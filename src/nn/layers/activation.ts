import { suggestion, UserError } from "../../errors/index.js";
import { clamp, gelu, hardSwish, leakyRelu, mish, relu, sigmoid, silu, type Tensor, tanh } from "../../graph/index.js";
import { leaf, type Module } from "../module.js";

export type Activation = Module;

/** Activations by their PyTorch names; the numbers are the constructor's arguments. */
export const activations: Readonly<Record<string, (...args: number[]) => (x: Tensor) => Tensor>> = {
  SiLU: () => silu,
  ReLU: () => relu,
  ReLU6: () => (x) => clamp(x, 0, 6),
  LeakyReLU:
    (slope = 0.01) =>
    (x) =>
      leakyRelu(x, slope),
  Hardswish: () => hardSwish,
  Mish: () => mish,
  GELU: () => gelu,
  Sigmoid: () => sigmoid,
  Tanh: () => tanh,
  Identity: () => (x) => x,
};

/**
 * An activation from text such as `nn.LeakyReLU(0.1)` or `SiLU`; nothing is evaluated.
 * @throws UserError for anything else.
 */
export function parseActivation(text: string): Activation {
  const match = /^(?:torch\.)?(?:nn\.)?([A-Za-z0-9]+)(?:\(\s*([-+.\deE,\s]*)\s*\))?$/.exec(text.trim());
  const make = match && Object.hasOwn(activations, match[1]) ? activations[match[1]] : undefined;
  if (!match || !make) {
    const near = suggestion(match?.[1] ?? text, Object.keys(activations));
    throw new UserError(
      `activation "${text}" is not known, expected one of ${Object.keys(activations).join(", ")}${near}`,
    );
  }
  const args = (match[2] ?? "").split(",").filter((part) => part.trim() !== "");
  return leaf(make(...args.map(Number)));
}
