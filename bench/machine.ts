import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { root } from "./paths.js";

/** What figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly swinyolo: string;
  /** Processes that wanted a core when the run began (1 minute's mean); undefined on Windows. */
  readonly load?: number;
}

/** This machine and the versions in use. */
export function machine(): Machine {
  const version = (file: string) => (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const [load] = loadavg();
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    onnxruntime: version(join(entry, "..", "..", "package.json")),
    swinyolo: version(join(root, "package.json")),
    ...(load > 0 && { load }),
  };
}

/** The machine in one line. */
export const machineLine = (m: Machine): string =>
  `${m.cpu}, ${m.cores} cores, ${m.memoryGiB} GiB, ${m.system}; Node ${m.node}, onnxruntime-node ${m.onnxruntime}, swinyolo ${m.swinyolo}` +
  (m.load === undefined ? "" : `; load ${m.load.toFixed(1)} when the run began`);
