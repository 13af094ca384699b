import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const entry = fileURLToPath(new URL("../../src/engine/index.ts", import.meta.url));

// Packages that come with a module and what it imports, each with the module that names it; types and `import()` aside.
function packagesOf(file: string, seen = new Set<string>()): Map<string, string> {
  if (seen.has(file)) return new Map();
  seen.add(file);
  const found = new Map<string, string>();
  for (const [, name] of readFileSync(file, "utf8").matchAll(/^(?:import|export)(?! type\b)[^;]*?from "([^"]+)";/gm)) {
    if (!name.startsWith(".")) found.set(name, file);
    else for (const [at, by] of packagesOf(join(dirname(file), name.replace(/\.js$/, ".ts")), seen)) found.set(at, by);
  }
  return found;
}

test("nothing slow comes with the engine: plots, picture files and the runtime are loaded when they are first used", () => {
  const packages = packagesOf(entry);
  expect(packages.size).toBeGreaterThan(3);
  for (const slow of ["@observablehq/plot", "linkedom", "sharp", "onnxruntime-node"]) {
    expect(packages.get(slow), slow).toBeUndefined();
  }
});
