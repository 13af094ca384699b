import { type HostArray, openModel, type Runtime } from "../../graph/index.js";

/** Milliseconds a picture of two ONNX files, run in turns on the same pictures: medians, so that other work disturbs both alike. */
export async function inTurns(
  runtime: Runtime,
  files: readonly [Uint8Array, Uint8Array],
  images: HostArray,
  { rounds = 20, warmup = 3 } = {},
): Promise<[number, number]> {
  const programs = await Promise.all(files.map((bytes) => openModel(runtime, bytes)));
  const times: number[][] = [[], []];
  for (let round = -warmup; round < rounds; round++) {
    for (const [i, program] of programs.entries()) {
      const start = performance.now();
      await program.run(new Map([[program.inputs[0], images]]));
      if (round >= 0) times[i].push((performance.now() - start) / images.shape[0]);
    }
  }
  for (const program of programs) await program.release();
  return [median(times[0]), median(times[1])];
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
