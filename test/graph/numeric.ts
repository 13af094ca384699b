import {
  compile,
  floats,
  type Graph,
  grad,
  graph,
  type HostArray,
  hostArray,
  input,
  type Tensor,
} from "swinyolo/graph";
import { runtime } from "../runtime.js";

/** What an input of a case holds. */
export interface Spec {
  readonly shape: readonly number[];
  /** Distinct numbers around 0, the same but positive, or nothing but ones. */
  readonly numbers: "distinct" | "positive" | "ones";
}

/** `2x3` distinct numbers, `+2x3` positive, `1=2x3` ones; `scalar` for the shape []. */
export function specOf(text: string): Spec {
  const [, mark, shape] = /^(\+|1=)?(.*)$/.exec(text)!;
  return {
    shape: shape === "scalar" ? [] : shape.split("x").map(Number),
    numbers: mark === "+" ? "positive" : mark === "1=" ? "ones" : "distinct",
  };
}

/** A function whose gradients are compared with central differences. */
export interface Case {
  readonly name: string;
  readonly inputs: readonly Spec[];
  readonly f: (...xs: Tensor[]) => Tensor;
}

export interface Verdict {
  /** One array an input: the derivatives of a weighted sum of the outputs. */
  readonly numeric: Float64Array[];
  readonly analytic: Float64Array[];
}

// A power of two: x + h and x - h are exact for the numbers used here.
const h = 2 ** -7;

/**
 * Gradients of every case, analytic and by central differences, in two sessions: all cases stand in one graph, and run k
 * nudges the k-th number of every case at once. The weighted sums are taken in doubles, so fp32 rounds only the outputs.
 */
export async function numericGradients(cases: readonly Case[]): Promise<Verdict[]> {
  const { forward, backward, feeds, weights } = graphsOf(cases);
  const analytic = await once(backward, feeds);
  const numeric = await differences(forward, feeds, weights);
  return cases.map(({ inputs: specs }, i) => ({
    numeric: specs.map((_, j) => numeric.get(`${i}.${j}`)!),
    analytic: specs.map((_, j) => Float64Array.from(analytic.get(`out.${i}.${j}`)!.data as Float32Array)),
  }));
}

/**
 * All cases as two graphs over the inputs `CASE.INPUT`: to `out.CASE`, and to the gradients `out.CASE.INPUT` of the sum of
 * the outputs weighted by `weights[CASE]`.
 */
export function graphsOf(cases: readonly Case[]) {
  const inputs = new Map<string, Tensor>();
  const feeds = new Map<string, HostArray>();
  const outputs = new Map<string, Tensor>();
  const gradients = new Map<string, Tensor>();
  const weights: Float32Array[] = [];
  cases.forEach(({ inputs: specs, f }, i) => {
    const xs = specs.map((spec, j) => {
      const x = input(spec.shape, { label: `${i}.${j}` });
      inputs.set(`${i}.${j}`, x);
      feeds.set(`${i}.${j}`, hostArray("float32", spec.shape, numbersOf(spec, i * 7 + j)));
      return x;
    });
    const y = f(...xs);
    outputs.set(`out.${i}`, y);
    weights.push(distinct(size(y.shape), 1000 + i));
    grad(y, xs, [floats(weights[i], y.shape)]).forEach((dx, j) => {
      gradients.set(`out.${i}.${j}`, dx);
    });
  });
  return { forward: graph(inputs, outputs), backward: graph(inputs, gradients), feeds, weights };
}

/** Compiles a graph, runs it once and lets it go. */
export async function once(g: Graph, feeds: ReadonlyMap<string, HostArray>): Promise<Map<string, HostArray>> {
  const program = await compile(await runtime(), g, { threads: 1 });
  const results = await program.run(feeds);
  await program.release();
  return results;
}

async function differences(
  g: Graph,
  feeds: ReadonlyMap<string, HostArray>,
  weights: readonly Float32Array[],
): Promise<Map<string, Float64Array>> {
  const program = await compile(await runtime(), g, { threads: 1 });
  const fed = new Map([...feeds].filter(([name]) => g.inputs.has(name)));
  // Every number of every input, case by case.
  const places = weights.map((_, i) =>
    [...fed]
      .filter(([name]) => name.startsWith(`${i}.`))
      .flatMap(([name, { data }]) => [...data].map((_, k) => ({ name, k }))),
  );
  const derivatives = new Map([...feeds].map(([name, { data }]) => [name, new Float64Array(data.length)]));
  const runs = Math.max(...places.map((list) => list.length));
  for (let run = 0; run < runs; run++) {
    const sums: number[][] = [];
    for (const sign of [1, -1]) {
      const nudge = (by: number) => {
        for (const list of places) if (list[run]) (fed.get(list[run].name)!.data as Float32Array)[list[run].k] += by;
      };
      nudge(sign * h);
      const results = await program.run(fed);
      nudge(-sign * h);
      sums.push(weights.map((w, i) => dot(w, results.get(`out.${i}`)!.data as Float32Array)));
    }
    places.forEach((list, i) => {
      if (list[run]) derivatives.get(list[run].name)![list[run].k] = (sums[0][i] - sums[1][i]) / (2 * h);
    });
  }
  await program.release();
  return derivatives;
}

function numbersOf({ shape, numbers }: Spec, seed: number): Float32Array {
  const values = distinct(size(shape), seed);
  if (numbers === "ones") return values.fill(1);
  return numbers === "positive" ? values.map((v) => Math.abs(v) + 0.5) : values;
}

/** Numbers around 0, shuffled, at least 0.04 from one another and (an even count) 0.02 from 0: no kink is stepped over. */
export function distinct(n: number, seed: number): Float32Array {
  const radius = Math.max(1, n * 0.02);
  const values = Float32Array.from({ length: n }, (_, k) => Math.fround(((k + 0.5) / n - 0.5) * 2 * radius));
  // Mulberry32 and Fisher-Yates.
  let state = seed + 1;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
  // Multiples of 2^-12: the nudged numbers are exact.
  return values.map((v) => Math.round(v * 4096) / 4096);
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const size = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);
