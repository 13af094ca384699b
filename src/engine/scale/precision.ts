/** In what numbers a network is trained. */
export type Precision = (typeof precisions)[number];

/**
 * `fp32`: everything in single precision. `amp`: weights in single precision, half copies in products (autocast). `p16`: half
 * weights, gradients and trunk; norms, q k and softmax in single precision; the optimizer keeps a single copy of the weights.
 */
export const precisions = ["fp32", "amp", "p16"] as const;

/** Bytes of model states by learned number. */
export interface StateBytes {
  readonly weights: number;
  readonly gradients: number;
  /** Of AdamW: two moments, and with half weights their copy in single precision. */
  readonly optimizer: number;
}

export const stateBytes: Readonly<Record<Precision, StateBytes>> = {
  fp32: { weights: 4, gradients: 4, optimizer: 8 },
  amp: { weights: 4, gradients: 4, optimizer: 8 },
  p16: { weights: 2, gradients: 2, optimizer: 12 },
};

/** Bytes that a block keeps and needs on its way back, by what they grow with. */
export interface ActivationBytes {
  /** Kept by token and channel; by logit; by entry of the position bias; of its hidden layer; half copies by weight. */
  readonly kept: {
    readonly channel: number;
    readonly logit: number;
    readonly bias: number;
    readonly hidden: number;
    readonly weight: number;
  };
  /** Needed for a moment, by token and channel: in the mlp; in attention; in attention part by part with its parts kept. */
  readonly moment: { readonly mlp: number; readonly attention: number; readonly loop: number };
  /** An element of the trunk, and so of a block's input. */
  readonly stream: number;
  /** An element that a linear layer keeps of its input. */
  readonly input: number;
}

/** Sums over the tensors that a forward pass of the reference keeps, measured there (fp32) or cast by cast (amp, p16). */
export const activationBytes: Readonly<Record<Precision, ActivationBytes>> = {
  fp32: {
    kept: { channel: 76, logit: 8, bias: 4, hidden: 4, weight: 0 },
    moment: { mlp: 20, attention: 44, loop: 103 },
    stream: 4,
    input: 4,
  },
  amp: {
    kept: { channel: 50, logit: 8, bias: 2, hidden: 2, weight: 24 },
    moment: { mlp: 14, attention: 38, loop: 72 },
    stream: 4,
    input: 2,
  },
  p16: {
    kept: { channel: 48, logit: 10, bias: 4, hidden: 6, weight: 0 },
    moment: { mlp: 12, attention: 30, loop: 75 },
    stream: 2,
    input: 2,
  },
};
