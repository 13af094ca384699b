import { UserError } from "../errors/index.js";
import type { Graph } from "./graph.js";
import { allocate, type DType, elements, type HostArray } from "./host.js";
import { toOnnx } from "./onnx/write.js";
import { openShapes } from "./passes/openShapes.js";

/** What we use of the onnxruntime module (node or web); handed in, so that nothing here loads it. */
export interface Runtime {
  readonly InferenceSession: {
    create(model: Uint8Array | string, options?: Record<string, unknown>): Promise<RuntimeSession>;
  };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => RuntimeTensor;
  /** In Node only. */
  readonly listSupportedBackends?: () => readonly { readonly name: string }[];
}

export interface RuntimeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
  dispose?(): void;
}

/** An output that stayed in the device's memory; only a program of the same device can read it. */
export interface DeviceArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly tensor: RuntimeTensor;
  /** Gives its memory back; it cannot be fed afterwards. */
  release(): void;
}

export interface RuntimeSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Record<string, RuntimeTensor>,
    fetches?: Record<string, RuntimeTensor> | readonly string[],
  ): Promise<Record<string, RuntimeTensor>>;
  release(): Promise<void>;
}

export interface SessionOptions {
  /** cpu, webgpu, cuda, ... */
  readonly device?: string;
  /** Threads inside an operator; ONNX Runtime's own choice where left out. */
  readonly threads?: number;
  /** Reserve all memory in one piece: a few percent faster for much more of it. */
  readonly memoryPattern?: boolean;
  /**
   * Inputs whose first axis, and that of what follows from them, the model leaves unsaid (`openShapes`): less memory, the same
   * numbers. For `compile`.
   */
  readonly open?: readonly string[];
  /** Outputs that stay in the device's memory (WebGPU; elsewhere that of the host); `advance` gives them. */
  readonly resident?: readonly string[];
  /** Where ONNX Runtime writes the model as it runs it; for tests. */
  readonly optimizedModelPath?: string;
}

/** A graph ready to run. */
export interface Program {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Runs with host arrays; `into` gives arrays that outputs are written to instead of new ones. */
  run(feeds: ReadonlyMap<string, HostArray>, into?: ReadonlyMap<string, HostArray>): Promise<Map<string, HostArray>>;
  /** Runs with arrays of the host or the device; outputs named `resident` stay where they are. */
  advance(feeds: ReadonlyMap<string, HostArray | DeviceArray>): Promise<Advanced>;
  release(): Promise<void>;
}

export interface Advanced {
  readonly host: ReadonlyMap<string, HostArray>;
  readonly device: ReadonlyMap<string, DeviceArray>;
}

/**
 * Compiles a graph.
 * @throws UserError when the device's provider is missing.
 */
export function compile(runtime: Runtime, g: Graph, options: SessionOptions = {}): Promise<Program> {
  const { open } = options;
  if (!open) return openModel(runtime, toOnnx(g), options);
  const freeAxes = Object.fromEntries(open.map((name) => [name, { 0: "" }]));
  return openModel(runtime, toOnnx(openShapes(g, open), { freeAxes }), options);
}

/** Makes ONNX bytes (or a file's path) ready to run. */
export async function openModel(
  runtime: Runtime,
  model: Uint8Array | string,
  { device = "cpu", threads, memoryPattern = false, resident = [], optimizedModelPath }: SessionOptions = {},
): Promise<Program> {
  checkDevice(runtime, device);
  const session = await openOn(device, () =>
    runtime.InferenceSession.create(model, {
      executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
      graphOptimizationLevel: "all",
      enableMemPattern: memoryPattern,
      logSeverityLevel: device === "cpu" ? 3 : 4,
      ...(threads ? { intraOpNumThreads: threads } : {}),
      ...(resident.length > 0 && device === "webgpu"
        ? { preferredOutputLocation: Object.fromEntries(resident.map((name) => [name, "gpu-buffer"])) }
        : {}),
      ...(optimizedModelPath ? { optimizedModelFilePath: optimizedModelPath } : {}),
    }),
  );
  return program(runtime, session, new Set(resident));
}

/**
 * A session of a device: a provider that is listed may still lack its libraries or its hardware.
 * @throws UserError saying what is missing.
 */
export async function openOn<S extends RuntimeSession>(device: string, create: () => Promise<S>): Promise<S> {
  try {
    return await create();
  } catch (error) {
    if (device === "cpu") throw error;
    const why =
      error instanceof Error ? error.message.split("\n")[0].replace(/^.*?\bwas false\.\s*/, "") : String(error);
    throw new UserError(`device=${device} cannot be used here: ${why}; device=cpu runs everywhere`, { cause: error });
  }
}

function program(runtime: Runtime, session: RuntimeSession, resident: ReadonlySet<string>): Program {
  const toRuntime = (array: HostArray | DeviceArray) =>
    "tensor" in array ? array.tensor : new runtime.Tensor(array.dtype, array.data, array.shape);
  const given = (feeds: ReadonlyMap<string, HostArray | DeviceArray>) =>
    Object.fromEntries(
      session.inputNames.map((name) => {
        const array = feeds.get(name);
        if (!array) throw new Error(`the graph's input ${name} was not fed`);
        return [name, toRuntime(array)];
      }),
    );
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(feeds, into) {
      if (!into) return hostArrays(Object.entries(await session.run(given(feeds))));
      const targets = session.outputNames.map((name): [string, HostArray] => {
        const array = into.get(name);
        if (!array) throw new Error("`into` needs an array for every output");
        return [name, array];
      });
      if (takesOutputs(runtime)) {
        await session.run(given(feeds), Object.fromEntries(targets.map(([name, array]) => [name, toRuntime(array)])));
      } else {
        const results = await session.run(given(feeds));
        for (const [name, { data }] of targets) data.set(results[name].data as never);
      }
      return new Map(into);
    },
    async advance(feeds) {
      const results = Object.entries(await session.run(given(feeds)));
      return {
        host: hostArrays(results.filter(([name]) => !resident.has(name))),
        device: new Map(
          results.filter(([name]) => resident.has(name)).map(([name, tensor]) => [name, deviceArray(tensor)]),
        ),
      };
    },
    release: () => session.release(),
  };
}

// onnxruntime-web leaves arrays that it is given for outputs as they are, without an error.
const takesOutputs = (runtime: Runtime): boolean => runtime.listSupportedBackends !== undefined;

const deviceArray = (tensor: RuntimeTensor): DeviceArray => ({
  dtype: tensor.type as DType,
  shape: [...tensor.dims],
  tensor,
  release: () => tensor.dispose?.(),
});

function hostArrays(results: readonly [string, RuntimeTensor][]): Map<string, HostArray> {
  return new Map(
    results.map(([name, { type, dims, data }]) => [
      name,
      { dtype: type as DType, shape: [...dims], data: data as HostArray["data"] },
    ]),
  );
}

/** Arrays of the right size for every output of a graph. */
export const outputArrays = (g: Graph): Map<string, HostArray> =>
  new Map(
    [...g.outputs].map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape: [...shape], data: allocate(dtype, elements(shape)) },
    ]),
  );

/**
 * Checks that a device's provider is there.
 * @throws UserError naming those that are.
 */
export function checkDevice(runtime: Runtime, device: string): void {
  const available = runtime.listSupportedBackends?.().map(({ name }) => name) ?? [device];
  if (device !== "cpu" && !available.includes(device)) {
    throw new UserError(`device=${device}: ONNX Runtime here has ${available.join(", ")}`);
  }
}
