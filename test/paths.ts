import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root, wherever this file was compiled to. */
export const root = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
})();

/** A path in the folder of reference material beside the repository. */
export const shared = (...parts: string[]): string => join(root, "..", "shared", ...parts);

/** The folder of reference values: SWINYOLO_GOLDENS, else ../shared/goldens. */
export const goldens = (...parts: string[]): string =>
  join(process.env.SWINYOLO_GOLDENS ?? shared("goldens"), ...parts);

/** Whether the reference material is there; tests that read it skip where it is not. */
export const hasShared = existsSync(shared("goldens"));
if (!hasShared) console.warn("../shared is absent: the tests that read it are skipped");
