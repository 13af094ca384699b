/** Numbers of a block by name, and how it is made. */
export interface ReferenceBlock {
  readonly weight: (name: string) => ArrayLike<number>;
  readonly dim: number;
  readonly heads: number;
  readonly window: number;
  readonly shift: number;
  readonly norm: "res-post" | "pre";
  readonly attention: "cosine" | "dot";
  readonly bias: "log" | "linear" | "table";
}

/**
 * A Swin block on a square grid [side * side, dim] in plain loops and float64, token by token: who is in a token's window,
 * how near, and what comes of it. No windows are cut, nothing is rolled.
 */
export function referenceBlock(block: ReferenceBlock, x: number[][], side: number): number[][] {
  const { weight, norm } = block;
  const normed = (rows: number[][], name: string) =>
    rows.map((row) => layerNorm(row, weight(`${name}.weight`), weight(`${name}.bias`)));
  const mlp = (rows: number[][]) =>
    rows.map((row) => affine(affine(row, weight, "mlp.fc1").map(gelu), weight, "mlp.fc2"));
  const attend = (rows: number[][]) => attention(block, rows, side);
  const plus = (a: number[][], b: number[][]) => a.map((row, i) => row.map((v, j) => v + b[i][j]));
  const y = plus(x, norm === "pre" ? attend(normed(x, "norm1")) : normed(attend(x), "norm1"));
  return plus(y, norm === "pre" ? mlp(normed(y, "norm2")) : normed(mlp(y), "norm2"));
}

function attention(block: ReferenceBlock, x: number[][], side: number): number[][] {
  const { weight, dim, heads, window, shift } = block;
  const width = dim / heads;
  const qkv = x.map((row) => {
    const product = affine(
      row,
      (name) => weight(name === "qkv.bias" && block.attention === "cosine" ? "" : `attn.${name}`),
      "qkv",
    );
    if (block.attention === "dot") return product;
    const [q, v] = [weight("attn.q_bias"), weight("attn.v_bias")];
    return product.map((n, i) => n + (i < dim ? q[i] : i < 2 * dim ? 0 : v[i - 2 * dim]));
  });
  // In the rolled grid a token stands at (row - shift) mod side; windows cut that grid.
  const rolled = (i: number) => [(Math.floor(i / side) - shift + side) % side, ((i % side) - shift + side) % side];
  const windowOf = (i: number) => rolled(i).map((at) => Math.floor(at / window));
  // The last `shift` rows and columns of the rolled grid came from the other end.
  const band = (i: number) => rolled(i).map((at) => (shift > 0 && at >= side - shift ? 1 : 0));
  const out = x.map(() => new Array<number>(dim).fill(0));
  for (let h = 0; h < heads; h++) {
    const part = (i: number, which: number) => qkv[i].slice(which * dim + h * width, which * dim + (h + 1) * width);
    for (let a = 0; a < x.length; a++) {
      const mates = [...x.keys()].filter((b) => String(windowOf(b)) === String(windowOf(a)));
      const logits = mates.map((b) => {
        const masked = String(band(a)) === String(band(b)) ? 0 : -100;
        const [dy, dx] = [0, 1].map((axis) => rolled(a)[axis] - rolled(b)[axis]);
        return similarity(block, h, part(a, 0), part(b, 1)) + positionBias(block, h, [dy, dx]) + masked;
      });
      const top = Math.max(...logits);
      const e = logits.map((l) => Math.exp(l - top));
      const sum = e.reduce((s, v) => s + v, 0);
      for (const [m, b] of mates.entries()) {
        for (const [c, v] of part(b, 2).entries()) out[a][h * width + c] += (e[m] / sum) * v;
      }
    }
  }
  return out.map((row) => affine(row, (name) => weight(`attn.${name}`), "proj"));
}

function similarity({ attention, weight }: ReferenceBlock, head: number, q: number[], k: number[]): number {
  const product = q.reduce((s, v, i) => s + v * k[i], 0);
  if (attention === "dot") return product / Math.sqrt(q.length);
  const scale = Math.exp(Math.min(weight("attn.logit_scale")[head], Math.log(100)));
  return (product / (Math.hypot(...q) * Math.hypot(...k))) * scale;
}

function positionBias({ bias, weight, heads, window }: ReferenceBlock, head: number, offset: number[]): number {
  if (bias === "table") {
    const row = (offset[0] + window - 1) * (2 * window - 1) + offset[1] + window - 1;
    return weight("attn.relative_position_bias_table")[row * heads + head];
  }
  const spaced = offset.map((d) => {
    const share = d / (window - 1);
    return bias === "linear" ? share : (Math.sign(d) * Math.log2(1 + 8 * Math.abs(share))) / Math.log2(8);
  });
  const [w0, b0, w2] = ["0.weight", "0.bias", "2.weight"].map((name) => weight(`attn.cpb_mlp.${name}`));
  let sum = 0;
  for (let i = 0; i < 512; i++) {
    sum += Math.max(0, w0[2 * i] * spaced[0] + w0[2 * i + 1] * spaced[1] + b0[i]) * w2[head * 512 + i];
  }
  return 16 / (1 + Math.exp(-sum));
}

function affine(x: number[], weight: (name: string) => ArrayLike<number>, name: string): number[] {
  const [w, b] = [weight(`${name}.weight`), weight(`${name}.bias`)];
  return Array.from({ length: w.length / x.length }, (_, i) =>
    x.reduce((s, v, j) => s + v * w[i * x.length + j], b.length > 0 ? b[i] : 0),
  );
}

function layerNorm(x: number[], weight: ArrayLike<number>, bias: ArrayLike<number>): number[] {
  const mean = x.reduce((s, v) => s + v, 0) / x.length;
  const variance = x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length;
  return x.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-5)) * weight[i] + bias[i]);
}

const gelu = (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2));

// The series, which converges everywhere; arguments here are small.
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
