import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./paths.js";
import type { Command } from "./turns.js";

/** PyTorch of the system, or why there is none. */
export type Peer =
  | { readonly version: string; readonly command: (...args: string[]) => Command }
  | { readonly missing: string };

/** Looks for PyTorch in the system's Python; SWINYOLO_PYTHON names another one. */
export function findPeer(python = process.env.SWINYOLO_PYTHON ?? "/usr/bin/python3"): Peer {
  const probe = "import sys, numpy, torch; print(f'PyTorch {torch.__version__}, Python {sys.version.split()[0]}')";
  const { status, stdout, stderr, error } = spawnSync(python, ["-c", probe], { encoding: "utf8" });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split("\n").at(-1);
    return { missing: `no PyTorch to compare with: ${python}: ${why}` };
  }
  const script = join(root, "bench", "peer", "main.py");
  return {
    version: stdout.trim(),
    // -B: no compiled files beside the sources.
    command: (...args) => ({ name: "PyTorch", program: python, args: ["-B", script, ...args] }),
  };
}
