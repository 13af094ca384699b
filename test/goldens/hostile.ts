import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { discover } from "./fixtures.js";
import { kinds } from "./kinds/index.js";
import { failed, type Report, runCase } from "./run.js";

const timeLimitMs = 20_000;

/** Runs hostile cases in a thread of their own, which is ended when one takes too long or brings it down. */
export class HostileRunner {
  private worker?: Worker;
  private settle: (report: Report | string) => void = () => {};

  constructor(private readonly folder: string) {}

  async run(name: string): Promise<Report> {
    this.worker ??= this.start();
    const { worker } = this;
    let timer: NodeJS.Timeout | undefined;
    const outcome = await new Promise<Report | string>((resolve) => {
      this.settle = resolve;
      timer = setTimeout(() => resolve(`not done after ${timeLimitMs / 1000} s`), timeLimitMs);
      worker.postMessage(name);
    });
    clearTimeout(timer);
    if (typeof outcome !== "string") return outcome;
    await this.end();
    return failed(name, outcome);
  }

  async end(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private start(): Worker {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { hostile: this.folder },
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
    });
    worker.on("message", (report: Report) => this.settle(report));
    worker.on("error", (error) => this.settle(`crashed: ${error.message}`));
    worker.on("exit", (code) => this.settle(`crashed: its thread ended with ${code}`));
    return worker;
  }
}

/** Marker files that a payload left somewhere near; none may ever appear. */
export function markers(folder: string): string[] {
  const names = ["PICKLE_EXECUTED.txt", "YAML_EXECUTED.txt", "DOWNLOAD_EXECUTED.txt", "ESCAPED.txt"];
  const near = [process.cwd(), dirname(process.cwd()), tmpdir(), folder, dirname(folder)];
  const hostile = join(folder, "hostile");
  const inside = existsSync(hostile)
    ? readdirSync(hostile, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : [];
  const folders = [...near, hostile, ...inside.map((entry) => join(hostile, entry.name))];
  return [...new Set(folders)].flatMap((at) => names.map((name) => join(at, name))).filter((file) => existsSync(file));
}

if (!isMainThread && parentPort && typeof workerData?.hostile === "string") {
  const port = parentPort;
  const cases = new Map(discover(workerData.hostile).map((found) => [found.name, found]));
  port.on("message", async (name: string) => {
    const found = cases.get(name)!;
    port.postMessage(await runCase(found, "kind" in found ? kinds[found.kind] : undefined));
  });
}
