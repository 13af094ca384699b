/** A stream of random numbers. Two streams of one key give the same numbers, on any machine and in any order of work. */
export interface Rng {
  /** The stream of this key with more appended: independent of how many numbers were drawn here. */
  split(...key: (number | string)[]): Rng;
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Uniform in [from, to). */
  uniform(from: number, to: number): number;
  /** Normal with mean 0 and standard deviation 1. */
  normal(): number;
  /** An integer in [0, n). */
  int(n: number): number;
  /** Beta(a, b), in [0, 1]. */
  beta(a: number, b: number): number;
  /** Shuffles the array where it is and gives it back. */
  shuffle<T>(array: T[]): T[];
  /** One element, each as likely as another. */
  choice<T>(array: readonly T[]): T;
}

/** The random numbers of a key, for instance `rng(seed, epoch, sample)`: they depend on the key and on nothing else. */
export function rng(...key: (number | string)[]): Rng {
  const bits = xoshiro(hash(key));
  const next = () => ((bits() >>> 5) * 0x4000000 + (bits() >>> 6)) / 0x20000000000000;
  const int = (n: number) => Math.floor(next() * n);
  // Box and Muller's pair; the second half is left unused so that a draw keeps no state.
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    split: (...more) => rng(...key, ...more),
    next,
    uniform: (from, to) => from + (to - from) * next(),
    normal,
    int,
    beta: (a, b) => {
      const x = gamma(a, next, normal);
      return x / (x + gamma(b, next, normal));
    },
    shuffle: (array) => {
      for (let i = array.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [array[i], array[j]] = [array[j], array[i]];
      }
      return array;
    },
    choice: (array) => array[int(array.length)],
  };
}

// Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
function gamma(shape: number, next: () => number, normal: () => number): number {
  if (shape < 1) return gamma(shape + 1, next, normal) * (1 - next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v;
  }
}

// xoshiro128++ (Blackman and Vigna): 32 bits a call.
function xoshiro([a, b, c, d]: [number, number, number, number]): () => number {
  return () => {
    const sum = (a + d) | 0;
    const result = (((sum << 7) | (sum >>> 25)) + a) | 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
}

// Four lanes of multiply-and-rotate over the key's 32-bit words, each part led by its kind and length so that ("a", "b")
// is not ("ab"); every lane then takes in the others and is finished as MurmurHash3 does.
function hash(key: readonly (number | string)[]): [number, number, number, number] {
  const lanes = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
  for (const word of words(key)) {
    for (let i = 0; i < 4; i++) {
      const x = Math.imul(lanes[i] ^ word, multipliers[i]);
      lanes[i] = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + ((x << 13) | (x >>> 19)) + i;
    }
  }
  const all = lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3];
  const [a, b, c, d] = lanes.map((lane, i) => finish(lane ^ finish(all + i + 1)));
  return a | b | c | d ? [a, b, c, d] : [1, 2, 3, 4];
}

const multipliers = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

function finish(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

function* words(key: readonly (number | string)[]): Generator<number> {
  yield key.length;
  for (const part of key) {
    if (typeof part === "number") {
      const view = new Uint32Array(Float64Array.of(part + 0).buffer);
      yield 1;
      yield view[0];
      yield view[1];
    } else {
      yield 2;
      yield part.length;
      for (let i = 0; i < part.length; i++) yield part.charCodeAt(i);
    }
  }
}
