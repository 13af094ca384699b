import { totalmem } from "node:os";

/** The memory of this machine, or of the container that this process is in, in bytes. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory();
  return Math.min(totalmem(), constrained > 0 ? constrained : Number.POSITIVE_INFINITY);
}

/** Bytes that this process may take in all: what the machine or its container has left, and what it has taken already. */
export function availableMemory(): number {
  const most = machineMemory();
  // Only Linux says how much of the memory in use could be given up.
  if (process.platform !== "linux") return most;
  return Math.min(process.availableMemory() + process.memoryUsage.rss(), most);
}
