import { add, div, type Graph, graph, input, mul, scalar, sqrt, square, sub, type Tensor } from "../../graph/index.js";

export type OptimizerKind = "SGD" | "Adam" | "AdamW";

/** Parameter groups as YOLOv5 orders them: biases, weights (the only ones decayed), weights of norms. */
export const groupNames = ["bias", "weight", "norm"] as const;
export type GroupName = (typeof groupNames)[number];

/** How many numbers each group holds, and how many are kept in floating buffers. */
export type GroupSizes = Readonly<Record<GroupName | "buffer", number>>;

/** Which group a parameter belongs to, by the last part of its name. */
export const groupOf = (name: string, norm: boolean): GroupName =>
  name.endsWith(".bias") || name === "bias" ? "bias" : norm ? "norm" : "weight";

/** The vectors that an optimizer keeps for every parameter. */
export const momentsOf = (kind: OptimizerKind): readonly string[] => (kind === "SGD" ? ["m"] : ["m", "v"]);

/**
 * One optimizer step over flat vectors, and the moving average (EMA) of what it gives. Inputs for each group G: `G.w`,
 * `G.g`, `G.m` (and `G.v` for Adam), `G.ema`, `G.lr`; `buffer`, `buffer.ema`; scalars `momentum`, `decay`, `scale` (of the
 * gradients, for clipping), `ema`, and for Adam `correction1`, `correction2` (1 - beta^step). Outputs: `G.w`, `G.m`, `G.v`,
 * `G.ema`, `buffer.ema`, each with `'` appended.
 */
export function updateGraph(kind: OptimizerKind, sizes: GroupSizes): Graph {
  const inputs = new Map<string, Tensor>();
  const outputs = new Map<string, Tensor>();
  const feed = (name: string, shape: readonly number[]) => {
    const tensor = inputs.get(name) ?? input(shape, { label: name });
    inputs.set(name, tensor);
    return tensor;
  };
  const number = (name: string) => feed(name, []);
  const average = (name: string, old: Tensor, now: Tensor) => {
    const d = number("ema");
    outputs.set(name, add(mul(old, d), mul(now, sub(scalar(1), d))));
  };
  for (const group of groupNames) {
    const size = sizes[group];
    if (size === 0) continue;
    const vector = (name: string) => feed(`${group}.${name}`, [size]);
    const lr = number(`${group}.lr`);
    const gradient = mul(vector("g"), number("scale"));
    const weight = vector("w");
    const decay = group === "weight" ? number("decay") : undefined;
    const next = (kind === "SGD" ? nesterov : adam(kind))({ weight, gradient, lr, decay, vector, number });
    for (const [name, tensor] of Object.entries(next)) outputs.set(`${group}.${name}'`, tensor);
    average(`${group}.ema'`, vector("ema"), next.w);
  }
  if (sizes.buffer > 0) average("buffer.ema'", feed("buffer.ema", [sizes.buffer]), feed("buffer", [sizes.buffer]));
  return graph(inputs, outputs);
}

interface Step {
  readonly weight: Tensor;
  readonly gradient: Tensor;
  readonly lr: Tensor;
  /** Only for the group that is decayed. */
  readonly decay?: Tensor;
  readonly vector: (name: string) => Tensor;
  readonly number: (name: string) => Tensor;
}

// m = momentum * m + g;  w = w - lr * (g + momentum * m)
function nesterov({ weight, gradient, lr, decay, vector, number }: Step): { w: Tensor; m: Tensor } {
  const momentum = number("momentum");
  const g = decay ? add(gradient, mul(weight, decay)) : gradient;
  const m = add(mul(vector("m"), momentum), g);
  return { w: sub(weight, mul(lr, add(g, mul(m, momentum)))), m };
}

const beta2 = 0.999;

// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w = w - lr * (m / c1) / (sqrt(v / c2) + 1e-8)
const adam =
  (kind: "Adam" | "AdamW") =>
  ({ weight, gradient, lr, decay, vector, number }: Step): { w: Tensor; m: Tensor; v: Tensor } => {
    const beta1 = number("momentum");
    const g = decay && kind === "Adam" ? add(gradient, mul(weight, decay)) : gradient;
    const m = add(mul(vector("m"), beta1), mul(g, sub(scalar(1), beta1)));
    const v = add(mul(vector("v"), scalar(beta2)), mul(square(g), scalar(1 - beta2)));
    const denominator = add(sqrt(div(v, number("correction2"))), scalar(1e-8));
    const step = mul(lr, div(div(m, number("correction1")), denominator));
    const decayed = decay && kind === "AdamW" ? mul(weight, sub(scalar(1), mul(lr, decay))) : weight;
    return { w: sub(decayed, step), m, v };
  };

/** 1 - beta^step for both moments, step counted from 1. */
export const adamCorrections = (beta1: number, step: number): readonly [number, number] => [
  1 - beta1 ** step,
  1 - beta2 ** step,
];
