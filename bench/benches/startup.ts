import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rng, writePicture } from "swinyolo/data";
import { exportModel } from "swinyolo/engine";
import type { Bench } from "../bench.js";
import { root } from "../paths.js";
import { table } from "../report.js";
import { type Estimate, medianInterval } from "../stats.js";

/** What begins anew in every process, each the median of fresh ones. */
export const startup: Bench = async ({ rounds = 10, models = ["yolov5n", "yolov5n-swinv2"] }) => {
  const folder = await mkdtemp(join(tmpdir(), "swinyolo-bench-"));
  try {
    const { programs, missing } = await programsIn(folder, models);
    const times = new Map<string, number[]>();
    // One more round at first, so that files are in the system's cache.
    for (let round = -1; round < rounds; round++) {
      for (const program of programs) {
        for (const [what, ms] of await timesOf(program)) {
          if (round >= 0) times.set(what, [...(times.get(what) ?? []), ms]);
        }
      }
    }
    const about = `Medians of ${rounds} fresh processes, which take turns; files are in the system's cache. No peer.`;
    return {
      data: { rounds, missing, times: Object.fromEntries(times) },
      markdown: [about, ...missing, startupTable(times)].join("\n\n"),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Milliseconds by what they were spent on. */
export const startupTable = (times: ReadonlyMap<string, readonly number[]>): string =>
  table(
    ["what", "ms (95%)"],
    [...times].map(([what, ms]) => [what, milliseconds(medianInterval(ms))]),
  );

const milliseconds = ({ value, low, high }: Estimate): string =>
  `${value.toFixed(1)} (${low.toFixed(1)}-${high.toFixed(1)})`;

interface Program {
  /** Its whole time goes under this name; without one it says its own times as JSON. */
  readonly name?: string;
  readonly args: readonly string[];
}

const worker = fileURLToPath(new URL("../startupWorker.js", import.meta.url));
const command = join(root, "dist", "cli", "main.js");

async function programsIn(
  folder: string,
  models: readonly string[],
): Promise<{ programs: Program[]; missing: string[] }> {
  const picture = join(folder, "picture.jpg");
  await writePicture(noise(640), picture);
  const programs: Program[] = [
    { name: "Node alone", args: ["-e", "0"] },
    { name: "swinyolo info model=yolov5n", args: [command, "info", "model=yolov5n.yaml"] },
    ...models.map((model) => ({ args: [worker, "phases", model] })),
  ];
  const pt = join(root, "..", "shared", "weights", "yolov5n.pt");
  if (!existsSync(pt)) return { programs, missing: ["First detections are left out: yolov5n.pt is not there."] };
  const onnx = join(folder, "yolov5n.onnx");
  await exportModel({ weights: pt, imgsz: 640, out: onnx });
  const first = (name: string, file: string) => ({ name, args: [worker, "detect", file, picture] });
  const detections = [
    first("process start to first detection, yolov5n.onnx 640", onnx),
    first("process start to first detection, yolov5n.pt 640", pt),
  ];
  return { programs: [programs[0], ...detections, ...programs.slice(1)], missing: [] };
}

function noise(side: number) {
  const random = rng("picture");
  return { width: side, height: side, data: Uint8Array.from({ length: side * side * 3 }, () => random.int(256)) };
}

async function timesOf({ name, args }: Program): Promise<[string, number][]> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [out, said, answered] = ["", "", 0];
  child.stdout.on("data", (chunk) => {
    answered ||= performance.now();
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, "close");
  const end = performance.now();
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}:\n${said.trim()}`);
  if (name === undefined) return Object.entries(JSON.parse(out) as Record<string, number>);
  // A first detection is there when it is said, everything else when the process has ended.
  return [[name, (args.includes("detect") ? answered : end) - start]];
}
