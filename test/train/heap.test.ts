import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { rng } from "swinyolo/data";
import { createGradients, createState, createTraining } from "swinyolo/engine";
import { buildModel, initialState } from "swinyolo/nn";
import { expect, test } from "vitest";
import { batches, loss, rates, tiny } from "../engine/tinyTraining.js";
import { runtime } from "../runtime.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

// Bytes of JavaScript objects and of the arrays outside V8's heap that are still reachable.
async function reachable(): Promise<number> {
  // What native code let go of is given back a turn after it was collected.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((turn) => setImmediate(turn));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test("a thousand steps leave nothing behind", async () => {
  const model = buildModel(tiny);
  const state = createState(model.module, initialState(model.module, rng(1)), { optimizer: "SGD" });
  const training = await createTraining(await runtime(), state, { threads: 1 });
  const gradients = createGradients(await runtime(), model, { loss, anchorT: 4, steps: training.steps });
  const steps = async (count: number) => {
    for (let iteration = 0; iteration < count; iteration++) {
      await gradients.run(state, batches[iteration % batches.length], { balance: [1], iteration });
      await training.optimizer.step(state, rates);
    }
  };
  await steps(200);
  const before = await reachable();
  await steps(1000);
  const grown = (await reachable()) - before;
  await training.release();
  expect(state.steps).toBe(1200);
  expect(grown / 1000).toBeLessThan(100); // bytes a step
});
