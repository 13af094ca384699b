import { rng } from "swinyolo/data";
import {
  createState,
  dumpState,
  gatherWeights,
  gradientNorm,
  hostOptimizer,
  mergeShards,
  restoreState,
  type StateShard,
  shardedNorm,
  shardRange,
  shardState,
  splitDump,
  type TrainState,
} from "swinyolo/engine";
import { type HostArray, hostArray } from "swinyolo/graph";
import { buffer, initialState, layerNorm, linear, module, type OptimizerKind } from "swinyolo/nn";
import { expect, test } from "vitest";

// 1280 weights, 40 biases, 2 norms of 7 and a buffer of 5: little divides.
const model = () => {
  const [wide, narrow, first, second] = [linear(40, 31), linear(20, 2), layerNorm(4), layerNorm(3)];
  const mean = buffer(hostArray("float32", [5], Float32Array.of(1, 2, 3, 4, 5)));
  return module({ wide, narrow, first, second, mean }, (x) => x);
};

const rates = { biasLr: 0.02, lr: 0.01, momentum: 0.9, weightDecay: 0.05, emaDecay: 0.7 };

function fresh(optimizer: OptimizerKind): TrainState {
  const part = model();
  return createState(part, initialState(part, rng(3, "weights")), { optimizer });
}

function fillGradients(state: TrainState, step: number): void {
  const random = rng(step, "gradients");
  for (const vector of Object.values(state.gradients)) for (const i of vector.keys()) vector[i] = random.normal();
  for (const i of state.buffer.keys()) state.buffer[i] = random.normal();
}

/** The same arrays under the same names, bit for bit. */
function expectSame(got: ReadonlyMap<string, HostArray>, expected: ReadonlyMap<string, HostArray>): void {
  expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { data }] of expected) {
    const bytes = ({ buffer, byteOffset, byteLength }: HostArray["data"]) =>
      Buffer.from(buffer, byteOffset, byteLength);
    expect(bytes(got.get(name)!.data).equals(bytes(data)), name).toBe(true);
  }
}

test("parts follow one another and cover a vector", () => {
  expect([0, 1, 2].map((rank) => shardRange(8, { rank, ranks: 3 }))).toEqual([
    [0, 2],
    [2, 5],
    [5, 8],
  ]);
  expect([0, 1, 2, 3].map((rank) => shardRange(2, { rank, ranks: 4 }).join())).toEqual(["0,0", "0,1", "1,1", "1,2"]);
});

test.each((["SGD", "Adam", "AdamW"] as const).flatMap((kind) => [2, 3, 8].map((ranks) => ({ kind, ranks }))))(
  "$kind on $ranks ranks gives the weights, moments and averages of one, bit for bit",
  async ({ kind, ranks }) => {
    const alone = fresh(kind);
    // Every rank has weights and gradients of its own, as in separate processes.
    const states = Array.from({ length: ranks }, () => fresh(kind));
    const shards = states.map((state, rank) => shardState(state, { rank, ranks }));
    const optimizer = hostOptimizer;
    for (let step = 0; step < 3; step++) {
      // Only the last two steps are clipped.
      const now = { ...rates, clipNorm: step === 0 ? undefined : 10 };
      for (const state of [alone, ...states]) fillGradients(state, step);
      const norm = shardedNorm(shards);
      expect(Math.fround(norm)).toBe(Math.fround(gradientNorm(alone)));
      expect(norm).toBeGreaterThan(30);
      await optimizer.step(alone, now);
      for (const shard of shards) await optimizer.step(shard, now, norm);
      for (const state of states) gatherWeights(state, shards);
      for (const state of states) {
        for (const group of ["bias.w", "weight.w", "norm.w"])
          expect(state.vectors.get(group)).toEqual(alone.vectors.get(group));
      }
    }
    expectSame(mergeShards(shards.map(dumpState)), dumpState(alone));
  },
);

test("a run goes on with another number of ranks as if nothing had been", async () => {
  const alone = fresh("AdamW");
  const optimizer = hostOptimizer;
  const both = async (shards: readonly StateShard[], states: readonly TrainState[], step: number) => {
    for (const state of [alone, ...states]) fillGradients(state, step);
    await optimizer.step(alone, rates);
    const norm = shardedNorm(shards);
    for (const shard of shards) await optimizer.step(shard, rates, norm);
    for (const state of states) gatherWeights(state, shards);
  };
  const start = (ranks: number) => {
    const states = Array.from({ length: ranks }, () => fresh("AdamW"));
    return { states, shards: states.map((state, rank) => shardState(state, { rank, ranks })) };
  };
  const three = start(3);
  await both(three.shards, three.states, 0);
  const saved = mergeShards(three.shards.map(dumpState));
  const five = start(5);
  five.shards.forEach((shard, rank) => {
    restoreState(shard, splitDump(saved, { rank, ranks: 5 }));
  });
  await both(five.shards, five.states, 1);
  expect(five.shards[4].steps).toBe(2);
  expectSame(mergeShards(five.shards.map(dumpState)), dumpState(alone));
});

test("parts of different steps are not joined", () => {
  const state = fresh("SGD");
  const parts = [0, 1].map((rank) => dumpState({ ...shardState(state, { rank, ranks: 2 }), steps: rank }));
  expect(() => mergeShards(parts)).toThrow("part 1 of a state is of step 1, part 0 of step 0");
});
