import { compile, type Graph, graph, type HostArray, hostArray, type Runtime, toFloat32 } from "../../graph/index.js";
import type { ForwardResult } from "../inference/forward.js";

/** A graph from pictures 0 to 1 to `rows` and `map.0`, `map.1`, ..., compiled for some of its outputs. */
export interface Network {
  /** Pictures uint8 [n, c, h, w], as many as one batch or fewer. */
  run(images: HostArray): Promise<ForwardResult>;
  release(): Promise<void>;
}

/** Compiles the graph for those outputs whose names `wants` takes. */
export async function openNetwork(runtime: Runtime, g: Graph, wants: (name: string) => boolean): Promise<Network> {
  const outputs = new Map([...g.outputs].filter(([name]) => wants(name)));
  const [[name, { shape }]] = g.inputs;
  const program = await compile(runtime, graph(g.inputs, outputs));
  return {
    async run(images) {
      const n = images.shape[0];
      const results = await program.run(new Map([[name, asBatch(images, shape[0])]]));
      const first = (array: HostArray) => firstOf(array, n);
      const maps = [...results].filter(([key]) => key.startsWith("map.")).map(([, array]) => first(array));
      const rows = results.get("rows");
      return { rows: rows ? first(rows) : hostArray("float32", [n, 0, 0]), maps };
    },
    release: () => program.release(),
  };
}

/** Pictures uint8 as float32 from 0 to 1, filled up to a whole batch with grey ones. */
export function asBatch({ shape, data }: HostArray, batch: number): HostArray {
  const whole = [batch, ...shape.slice(1)];
  const numbers = new Float32Array(whole.reduce((n, d) => n * d, 1)).fill(114 / 255);
  for (let i = 0; i < data.length; i++) numbers[i] = (data[i] as number) / 255;
  return hostArray("float32", whole, numbers);
}

function firstOf(array: HostArray, n: number): HostArray {
  const each = array.shape.slice(1);
  return hostArray("float32", [n, ...each], toFloat32(array).subarray(0, n * each.reduce((m, d) => m * d, 1)));
}
