import { Worker } from "node:worker_threads";
import { UserError } from "../../errors/index.js";
import { loadSharp } from "../datasets/sharp.js";
import { type LoaderSpec, type Made, makerOf } from "./maker.js";
import type { BatchPlan } from "./plan.js";

/** What a worker is asked. */
export interface Task {
  readonly id: number;
  readonly plan: BatchPlan;
}

/** What a worker answers. */
export interface Answer {
  readonly id: number;
  readonly batch?: Made;
  readonly failure?: { readonly message: string; readonly byUser: boolean; readonly stack?: string };
}

/** Makes batches, here or in workers. */
export interface Pool<B> {
  /** The batch of a plan. Once `wanted` says no, work that has not begun is left undone and the promise stays open. */
  run(plan: BatchPlan, wanted: () => boolean): Promise<B>;
  /** Ends the workers; batches under way fail. */
  close(): Promise<void>;
}

/** A pool of so many worker threads, or one that works in this thread. */
export const poolOf = <B>(spec: LoaderSpec, workers: number): Pool<B> =>
  workers > 0 ? workerPool(spec, { size: workers }) : localPool(spec);

/** How many batches are under way at once in such a pool. */
export const aheadOf = (workers: number): number => (workers > 0 ? workers + 2 : 1);

/** A pool that works in this thread, one batch at a time. */
export function localPool<B>(spec: LoaderSpec): Pool<B> {
  const make = makerOf(spec) as (plan: BatchPlan) => Promise<B>;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    run(plan, wanted) {
      const made = last.then(() => {
        if (closed) throw new Error("the loader is closed");
        return wanted() ? make(plan) : new Promise<B>(() => {});
      });
      // A batch that is not wanted any more must not hold up the ones after it.
      last = last.then(() => (wanted() ? made.catch(() => {}) : undefined));
      return made;
    },
    async close() {
      closed = true;
    },
  };
}

interface Job<B> {
  readonly plan: BatchPlan;
  readonly wanted: () => boolean;
  readonly resolve: (batch: B) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane<B> {
  readonly worker: Worker;
  readonly jobs: Map<number, Job<B>>;
}

// Each worker has the next task at hand while it works on one.
const depth = 2;

/** A pool of `size` worker threads. They do not keep the process alive while nothing is asked of them. */
export function workerPool<B>(spec: LoaderSpec, { size }: { size: number }): Pool<B> {
  const lanes: Lane<B>[] = [];
  let queue: Job<B>[] = [];
  let nextId = 0;
  let ended: Error | undefined;
  let starting: Promise<void> | undefined;

  const dispatch = () => {
    queue = queue.filter(({ wanted }) => wanted());
    while (queue.length > 0) {
      const lane = lanes.reduce((least, other) => (other.jobs.size < least.jobs.size ? other : least));
      if (lane.jobs.size >= depth) return;
      const [job] = queue.splice(0, 1);
      lane.jobs.set(nextId, job);
      lane.worker.ref();
      lane.worker.postMessage({ id: nextId++, plan: job.plan } satisfies Task);
    }
  };

  const fail = (error: Error) => {
    ended ??= error;
    for (const { reject } of [...queue, ...lanes.flatMap(({ jobs }) => [...jobs.values()])]) reject(ended);
    queue = [];
    for (const { jobs } of lanes) jobs.clear();
  };

  const startLane = () => {
    const lane: Lane<B> = {
      worker: new Worker(new URL("./worker.js", import.meta.url), { workerData: spec, execArgv: [] }),
      jobs: new Map(),
    };
    lane.worker.on("message", (answer: Answer) => {
      const job = lane.jobs.get(answer.id);
      lane.jobs.delete(answer.id);
      if (lane.jobs.size === 0) lane.worker.unref();
      if (answer.batch) job?.resolve(answer.batch as B);
      else job?.reject(failureOf(answer));
      if (!ended) dispatch();
    });
    lane.worker.on("error", fail);
    lane.worker.on("exit", (code) => fail(new Error(`a data loading worker stopped (exit code ${code})`)));
    lane.worker.unref();
    lanes.push(lane);
  };

  // The picture library must be loaded here before it is in a worker, or it goes while workers still use it.
  const start = async () => {
    await loadSharp();
    if (!ended) for (let i = 0; i < size; i++) startLane();
  };

  return {
    async run(plan, wanted) {
      starting ??= start();
      await starting;
      return new Promise<B>((resolve, reject) => {
        if (ended) return reject(ended);
        queue.push({ plan, wanted, resolve, reject });
        dispatch();
      });
    },
    async close() {
      fail(new Error("the loader is closed"));
      await starting;
      await Promise.all(lanes.map(({ worker }) => worker.terminate()));
    },
  };
}

function failureOf({ failure }: Answer): Error {
  const message = failure?.message ?? "a data loading worker gave no batch";
  if (failure?.byUser) return new UserError(message);
  const error = new Error(message);
  if (failure?.stack) error.stack = failure.stack;
  return error;
}
