import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./paths.js";
import type { Waiting } from "./prepare.js";
import type { Command } from "./turns.js";

/** PyTorch of the system, or why there is none. */
export type Peer =
  | { readonly version: string; readonly command: (...args: string[]) => Command }
  | { readonly missing: string };

/**
 * Looks for PyTorch in the system's Python; SWINYOLO_PYTHON names another one. Which BLAS it has goes with the version: the
 * reference one, which Debian takes where no other is installed, makes every matrix product several times slower.
 */
export function findPeer(waiting: Waiting, python = process.env.SWINYOLO_PYTHON ?? "/usr/bin/python3"): Peer {
  const { status, stdout, stderr, error } = spawnSync(python, ["-c", probe], { encoding: "utf8" });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split("\n").at(-1);
    return { missing: `no PyTorch to compare with: ${python}: ${why}` };
  }
  const script = join(root, "bench", "peer", "main.py");
  const env = waiting === "passive" ? { ...process.env, OMP_WAIT_POLICY: "passive" } : process.env;
  return {
    version: stdout.trim(),
    // -B: no compiled files beside the sources.
    command: (...args) => ({ name: "PyTorch", program: python, args: ["-B", script, ...args], env }),
  };
}

const probe = `
import os, sys, numpy, torch
torch.ones(64, 64) @ torch.ones(64, 64)
blas = "BLAS unknown"
if os.path.exists("/proc/self/maps"):
    files = {line.split()[-1] for line in open("/proc/self/maps") if "blas" in line or "libmkl" in line}
    blas = "BLAS " + (" ".join(sorted({os.path.basename(os.path.realpath(file)) for file in files})) or "built in")
print(f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}, {blas}")
`;
