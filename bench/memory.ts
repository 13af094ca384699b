import { readFileSync } from "node:fs";

/** The most resident memory of this process so far, in bytes. */
export function peakMemory(): number {
  try {
    // On Linux the usual counter of a process begins with what its parent had; this one does not.
    const [, kilobytes] = readFileSync("/proc/self/status", "utf8").match(/^VmHWM:\s*(\d+)/m) ?? [];
    if (kilobytes) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
