import { parentPort, workerData } from "node:worker_threads";
import { messageOf, UserError } from "../../errors/index.js";
import { type LoaderSpec, makerOf } from "./maker.js";
import type { Answer, Task } from "./pool.js";

// A worker of the pool: makes the batches that it is sent the plans of, one after another.

const make = makerOf(workerData as LoaderSpec);
let last = Promise.resolve();

parentPort?.on("message", (task: Task) => {
  last = last.then(() => answer(task));
});

async function answer({ id, plan }: Task): Promise<void> {
  try {
    const batch = await make(plan);
    const transfer = [batch.images.buffer as ArrayBuffer, batch.targets.buffer as ArrayBuffer];
    parentPort?.postMessage({ id, batch } satisfies Answer, transfer);
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    const failure = { message: messageOf(error), byUser: error instanceof UserError, stack };
    parentPort?.postMessage({ id, failure } satisfies Answer);
  }
}
