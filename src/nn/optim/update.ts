import { add, div, type Graph, graph, input, mul, scalar, sqrt, square, sub, type Tensor } from "../../graph/index.js";

export type OptimizerKind = "SGD" | "Adam" | "AdamW";

/** Parameter groups as YOLOv5 orders them: biases, weights (the only ones decayed), weights of norms. */
export const groupNames = ["bias", "weight", "norm"] as const;
export type GroupName = (typeof groupNames)[number];

/** How many numbers each group holds, and how many are kept in floating buffers (`buffer`). */
export type GroupSizes = Readonly<Record<string, number>>;

/** Which group a parameter belongs to, by the last part of its name. */
export const groupOf = (name: string, norm: boolean): GroupName =>
  name.endsWith(".bias") || name === "bias" ? "bias" : norm ? "norm" : "weight";

/** The vectors that an optimizer keeps for every parameter. */
export const momentsOf = (kind: OptimizerKind): readonly string[] => (kind === "SGD" ? ["m"] : ["m", "v"]);

/** The length that these graphs are traced with; they take vectors of any. */
const traced = 2;

/**
 * One optimizer step over a vector of parameters, and the moving average (EMA) of what it gives, for devices that keep the
 * state; on the host `updateOnHost` does the same. Inputs `w`, `g`, `m` (and
 * `v` for Adam), `ema`: vectors; scalars `lr`, `decay` (0 for groups that are not decayed), `momentum`, `scale` (of the
 * gradients, for clipping), `average`, and for Adam `correction1`, `correction2` (1 - beta^step). Outputs: `w'`, `m'`, `v'`,
 * `ema'`.
 */
export function updateGraph(kind: OptimizerKind): Graph {
  const inputs = new Map<string, Tensor>();
  const feed = (name: string, shape: readonly number[]) => {
    const tensor = inputs.get(name) ?? input(shape, { label: name });
    inputs.set(name, tensor);
    return tensor;
  };
  const vector = (name: string) => feed(name, [traced]);
  const number = (name: string) => feed(name, []);
  const gradient = mul(vector("g"), number("scale"));
  const next = (kind === "SGD" ? nesterov : adam(kind))({
    weight: vector("w"),
    gradient,
    lr: number("lr"),
    decay: number("decay"),
    vector,
    number,
  });
  const outputs = new Map(Object.entries(next).map(([name, tensor]) => [`${name}'`, tensor]));
  outputs.set("ema'", averaged(vector("ema"), next.w, number("average")));
  return graph(inputs, outputs);
}

/** The moving average of a vector that no optimizer changes: inputs `w`, `ema`, `average`; output `ema'`. */
export function averageGraph(): Graph {
  const [w, ema, average] = [input([traced]), input([traced]), input([])];
  return graph({ w, ema, average }, { "ema'": averaged(ema, w, average) });
}

// d * old + (1 - d) * now
const averaged = (old: Tensor, now: Tensor, d: Tensor): Tensor => add(mul(old, d), mul(now, sub(scalar(1), d)));

interface Step {
  readonly weight: Tensor;
  readonly gradient: Tensor;
  readonly lr: Tensor;
  readonly decay: Tensor;
  readonly vector: (name: string) => Tensor;
  readonly number: (name: string) => Tensor;
}

// m = momentum * m + g;  w = w - lr * (g + momentum * m)
function nesterov({ weight, gradient, lr, decay, vector, number }: Step): { w: Tensor; m: Tensor } {
  const momentum = number("momentum");
  const g = add(gradient, mul(weight, decay));
  const m = add(mul(vector("m"), momentum), g);
  return { w: sub(weight, mul(lr, add(g, mul(m, momentum)))), m };
}

/** Decay of Adam's second moment, and what keeps its root above zero. */
export const adamBeta2 = 0.999;
export const adamEpsilon = 1e-8;

// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w = w - lr * (m / c1) / (sqrt(v / c2) + 1e-8)
const adam =
  (kind: "Adam" | "AdamW") =>
  ({ weight, gradient, lr, decay, vector, number }: Step): { w: Tensor; m: Tensor; v: Tensor } => {
    const beta1 = number("momentum");
    const g = kind === "Adam" ? add(gradient, mul(weight, decay)) : gradient;
    const m = add(mul(vector("m"), beta1), mul(g, sub(scalar(1), beta1)));
    const v = add(mul(vector("v"), scalar(adamBeta2)), mul(square(g), scalar(1 - adamBeta2)));
    const denominator = add(sqrt(div(v, number("correction2"))), scalar(adamEpsilon));
    const step = mul(lr, div(div(m, number("correction1")), denominator));
    const decayed = kind === "AdamW" ? mul(weight, sub(scalar(1), mul(lr, decay))) : weight;
    return { w: sub(decayed, step), m, v };
  };

/** 1 - beta^step for both moments, step counted from 1. */
export const adamCorrections = (beta1: number, step: number): readonly [number, number] => [
  1 - beta1 ** step,
  1 - adamBeta2 ** step,
];
