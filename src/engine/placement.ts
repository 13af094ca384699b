import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkDevice,
  type Graph,
  hostArray,
  openOn,
  type Runtime,
  type RuntimeSession,
  toOnnx,
} from "../graph/index.js";

/** How many nodes of an operator run on the CPU although another device was asked for. */
export interface Fallback {
  readonly operator: string;
  readonly count: number;
}

/**
 * The operators of a graph that a device leaves to the CPU, most frequent first; none where it takes them all. Only in the
 * first case the graph is run, once, with zeros.
 * @throws UserError when the device is missing or cannot be used.
 */
export async function findFallbacks(runtime: Runtime, g: Graph, device: string): Promise<readonly Fallback[]> {
  checkDevice(runtime, device);
  if (device === "cpu") return [];
  const bytes = toOnnx(g);
  return (await takesAll(runtime, bytes, device)) ? [] : profiled(runtime, { g, bytes, device });
}

// ONNX Runtime refuses to make a session of which a node would fall back.
async function takesAll(runtime: Runtime, bytes: Uint8Array, device: string): Promise<boolean> {
  const only = {
    executionProviders: [device],
    logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: "1" } },
  };
  try {
    await (await runtime.InferenceSession.create(bytes, only)).release();
    return true;
  } catch {
    return false;
  }
}

interface Compiled {
  readonly g: Graph;
  readonly bytes: Uint8Array;
  readonly device: string;
}

async function profiled(runtime: Runtime, { g, bytes, device }: Compiled): Promise<readonly Fallback[]> {
  const folder = await mkdtemp(join(tmpdir(), "swinyolo-placement-"));
  try {
    const open = runtime.InferenceSession.create(bytes, {
      executionProviders: [device, "cpu"],
      enableProfiling: true,
      profileFilePrefix: join(folder, "profile"),
      logSeverityLevel: 4,
    }) as Promise<RuntimeSession & { endProfiling(): void }>;
    const session = await openOn(device, () => open);
    await session.run(zeros(runtime, g, session));
    session.endProfiling();
    await session.release();
    const [file] = await readdir(folder);
    return onCpu(JSON.parse(await readFile(join(folder, file), "utf8")) as readonly ProfileEvent[]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const zeros = (runtime: Runtime, g: Graph, { inputNames }: RuntimeSession) =>
  Object.fromEntries(
    inputNames.map((name) => {
      const { dtype, shape } = g.inputs.get(name)!;
      return [name, new runtime.Tensor(dtype, hostArray(dtype, shape).data, shape)];
    }),
  );

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly args?: { readonly provider?: string; readonly op_name?: string };
}

function onCpu(events: readonly ProfileEvent[]): readonly Fallback[] {
  const counts = new Map<string, number>();
  for (const { cat, name, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time") || args?.provider !== "CPUExecutionProvider") continue;
    const operator = args.op_name ?? "?";
    counts.set(operator, (counts.get(operator) ?? 0) + 1);
  }
  return [...counts].map(([operator, count]) => ({ operator, count })).sort((a, b) => b.count - a.count);
}
