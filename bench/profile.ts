/** An entry of ONNX Runtime's profile; times in microseconds. */
export interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
}

/** Reads a profile; what else its entries hold stays out. */
export const parseProfile = (text: string): ProfileEvent[] =>
  (JSON.parse(text) as ProfileEvent[]).map(({ cat, name, ts, dur }) => ({ cat, name, ts, dur }));

/**
 * Milliseconds inside kernels of one session, step by step.
 * @throws Error when its runs cannot be shared out evenly among the steps.
 */
export function kernelTimes(events: readonly ProfileEvent[], steps: number): number[] {
  const byStart = (a: ProfileEvent, b: ProfileEvent) => a.ts - b.ts;
  const runs = events.filter(({ name }) => name === "model_run").sort(byStart);
  const kernels = events.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time")).sort(byStart);
  if (runs.length % steps !== 0) throw new Error(`profile: ${runs.length} runs in ${steps} steps`);
  const times = new Array<number>(steps).fill(0);
  let next = 0;
  runs.forEach(({ ts, dur }, run) => {
    for (; next < kernels.length && kernels[next].ts <= ts + dur; next++) {
      times[Math.floor((run * steps) / runs.length)] += kernels[next].dur / 1000;
    }
  });
  return times;
}
