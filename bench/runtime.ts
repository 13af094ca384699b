import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadRuntime } from "swinyolo/engine";
import type { Runtime, RuntimeSession } from "swinyolo/graph";
import type { Waiting } from "./prepare.js";
import { kernelTimes, parseProfile } from "./profile.js";

/** ONNX Runtime under watch. */
export interface Watched {
  readonly runtime: Runtime;
  /** Milliseconds inside sessions since the last call. */
  takeRunMs(): number;
  /** Milliseconds inside kernels, step by step; needs a folder for profiles. */
  kernelMs(steps: number): number[];
}

/** ONNX Runtime whose threads wait as they are told; with `profile`, a folder, it writes down every kernel's time. */
export async function watchedRuntime({ waiting, profile }: { waiting: Waiting; profile?: string }): Promise<Watched> {
  const { Tensor, InferenceSession, listSupportedBackends } = await loadRuntime();
  const extra = waiting === "passive" && { extra: { session: { intra_op: { allow_spinning: "0" } } } };
  const sessions: Profiled[] = [];
  let runMs = 0;
  if (profile) mkdirSync(profile, { recursive: true });
  const create: Runtime["InferenceSession"]["create"] = async (model, options) => {
    const prefix = profile && { profileFilePrefix: join(profile, `session${sessions.length}`), enableProfiling: true };
    const session = (await InferenceSession.create(model, { ...options, ...extra, ...prefix })) as Profiled;
    sessions.push(session);
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      release: () => session.release(),
      async run(feeds, fetches) {
        const start = performance.now();
        const results = await session.run(feeds, fetches);
        runMs += performance.now() - start;
        return results;
      },
    };
  };
  return {
    runtime: { Tensor, listSupportedBackends, InferenceSession: { create } },
    takeRunMs() {
      const taken = runMs;
      runMs = 0;
      return taken;
    },
    kernelMs(steps) {
      if (!profile) return [];
      for (const session of sessions) session.endProfiling();
      const files = readdirSync(profile).map((file) => readFileSync(join(profile, file), "utf8"));
      const times = files.map((text) => kernelTimes(parseProfile(text), steps));
      return Array.from({ length: steps }, (_, step) => times.reduce((sum, of) => sum + of[step], 0));
    },
  };
}

interface Profiled extends RuntimeSession {
  endProfiling(): void;
}
