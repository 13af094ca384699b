import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./paths.js";
import type { Waiting } from "./prepare.js";
import type { Command } from "./turns.js";

/** A side of a case: how it is started and asked, or why it is not there. */
export type Contender = Present | Missing;

export interface Present {
  readonly name: string;
  /** What it is, with its version. */
  readonly about?: string;
  command(...args: readonly string[]): Command;
  /** Results that it has too, and which must be equal; all where left out. */
  compares?(tensor: string): boolean;
  /** It may be unable to do a case; then that is said and the case goes on without it. */
  readonly mayRefuse?: boolean;
}

export interface Missing {
  readonly name: string;
  readonly missing: string;
}

/** Our side, with flags of worker.ts. */
export const ours = (name = "ours", flags: readonly string[] = []): Present => ({
  name,
  command: (...args) => node(name, "worker.js", [...flags, ...args]),
});

/** ONNX Runtime alone on the exported file. */
export const raw: Present = {
  name: "raw",
  command: (...args) => node("onnxruntime-node", "rawWorker.js", args),
  compares: (tensor) => tensor === "rows",
};

const node = (name: string, file: string, args: readonly string[]): Command => ({
  name,
  program: process.execPath,
  args: [fileURLToPath(new URL(file, import.meta.url)), ...args],
});

/**
 * PyTorch in the system's Python; SWINYOLO_PYTHON names another one. Which BLAS it has goes with the version: the reference
 * one, which Debian takes where no other is installed, makes every matrix product several times slower.
 */
export const pytorch = (waiting: Waiting): Contender =>
  inPython({ name: "PyTorch", probe: torchProbe, script: "main.py", waiting });

/** OpenCV in the system's Python, on the exported maps. */
export function opencv(waiting: Waiting): Contender {
  const found = inPython({ name: "OpenCV", probe: opencvProbe, script: "opencv.py", waiting });
  return "missing" in found ? found : { ...found, compares: (tensor) => tensor.startsWith("map."), mayRefuse: true };
}

function inPython({
  name,
  probe,
  script,
  waiting,
}: {
  name: string;
  probe: string;
  script: string;
  waiting: Waiting;
}): Contender {
  const python = process.env.SWINYOLO_PYTHON ?? "/usr/bin/python3";
  const { status, stdout, stderr, error } = spawnSync(python, ["-c", probe], { encoding: "utf8" });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split("\n").at(-1);
    return { name, missing: `no ${name} to compare with: ${python}: ${why}` };
  }
  const env = waiting === "passive" ? { ...process.env, OMP_WAIT_POLICY: "passive" } : process.env;
  // -B: no compiled files beside the sources.
  const command = (...args: readonly string[]) => ({
    name,
    program: python,
    args: ["-B", join(root, "bench", "peer", script), ...args],
    env,
  });
  return { name, about: stdout.trim(), command };
}

const torchProbe = `
import os, sys, numpy, torch
torch.ones(64, 64) @ torch.ones(64, 64)
blas = "BLAS unknown"
if os.path.exists("/proc/self/maps"):
    files = {line.split()[-1] for line in open("/proc/self/maps") if "blas" in line or "libmkl" in line}
    blas = "BLAS " + (" ".join(sorted({os.path.basename(os.path.realpath(file)) for file in files})) or "built in")
print(f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}, {blas}")
`;

const opencvProbe = `
import cv2
print(f"OpenCV {cv2.__version__}")
`;
