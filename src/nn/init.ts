import { elements, type Shape } from "../graph/index.js";
import type { Init } from "./module.js";

/** All numbers equal. */
export const constantInit =
  (value: number): Init =>
  (shape) =>
    new Float32Array(elements(shape)).fill(value);

/** Uniform between -bound and bound. */
export const uniformInit =
  (bound: number): Init =>
  (shape, random) =>
    Float32Array.from({ length: elements(shape) }, () => (2 * random.next() - 1) * bound);

/** PyTorch's default for convolutions and linear layers: uniform within 1 / sqrt(fan in) (kaiming uniform, a = sqrt 5). */
export const kaimingInit: Init = (shape, random) => uniformInit(1 / Math.sqrt(fanIn(shape)))(shape, random);

/** Inputs that one output of a weight [out, in, ...] sees. */
export const fanIn = (shape: Shape): number => shape.slice(1).reduce((n, d) => n * d, 1);

/** Normal with the given deviation, drawn again beyond +-`cut` (an absolute bound, as in PyTorch's trunc_normal_). */
export const truncatedNormalInit =
  (deviation: number, cut = 2): Init =>
  (shape, random) =>
    Float32Array.from({ length: elements(shape) }, () => {
      for (;;) {
        const x = random.normal() * deviation;
        if (Math.abs(x) <= cut) return x;
      }
    });
