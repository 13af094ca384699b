import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root; this file is compiled to build/bench. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Where results go. */
export const results = join(root, "build", "bench");
