import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A program and its arguments. */
export interface Command {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** What a worker says of one step. */
export interface StepTime {
  readonly ms: number;
  /** Time on cores, of all threads: says more than the clock where others use the machine too. */
  readonly cpuMs: number;
  /** Of the whole, for the optimizer's update. */
  readonly updateMs?: number;
  /** Of the whole, inside sessions of ONNX Runtime. */
  readonly runMs?: number;
  /** A number of the result (the loss), by which both sides can be seen to do the same. */
  readonly value: number;
}

/** What a worker says last. */
export interface Ending {
  /** Its peak memory, in bytes. */
  readonly peak: number;
  /** Milliseconds inside kernels, step by step, where they were written down. */
  readonly kernelMs?: readonly number[];
}

/** A worker that does a step when asked. */
export interface Worker {
  /** Its memory before it read or built anything, in bytes. */
  readonly base: number;
  step(): Promise<StepTime>;
  end(): Promise<Ending>;
  kill(): void;
}

/** Starts a worker and waits until it is ready. What it writes to stderr is part of the error when it fails. */
export async function startWorker({ name, program, args, env }: Command): Promise<Worker> {
  const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
  const failure = failureOf(child, name);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async <T>(): Promise<T> => {
    const next = await Promise.race([lines.next(), failure]);
    // The output ended: the exit says why.
    return JSON.parse(next.done ? await failure : next.value) as T;
  };
  const ask = <T>(line: string) => {
    child.stdin.write(`${line}\n`);
    return answer<T>();
  };
  const { base } = await answer<{ base: number }>();
  return {
    base,
    step: () => ask<StepTime>("step"),
    end: () => ask<Ending>("end"),
    kill: () => child.kill(),
  };
}

/** Runs a program to its end. */
export async function runOnce({ name, program, args, env }: Command): Promise<void> {
  const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const failure = failureOf(child, name);
  await Promise.race([once(child, "close").then(([code]) => (code === 0 ? undefined : failure)), failure]);
}

// Rejects when a process cannot start or ends badly, with the end of what it said.
function failureOf(child: ChildProcess, name: string): Promise<never> {
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said = (said + chunk).slice(-4000);
  });
  const failure = new Promise<never>((_, reject) => {
    child.on("error", (error) => reject(new Error(`${name}: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code !== 0) reject(new Error(`${name} ended with ${signal ?? code}:\n${said.trim()}`));
    });
  });
  failure.catch(() => {}); // reported where it is waited for
  return failure;
}
